import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of the program (that of package.json), found from this module's own path: `src/config`
 * and `dist/config` lie equally deep. The working directory has no say.
 */
export const packageRoot: string = resolve(fileURLToPath(new URL('../../', import.meta.url)));
