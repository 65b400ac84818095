import { gunzipSync } from 'node:zlib';
import { PkiError } from '../errors.ts';

/** What was compressed, up to `most` octets of it. Refuses `too-large`, and `bad-request` what is no gzip, or is damaged. */
export function gunzipWhole(octets: Uint8Array, most: number): Uint8Array {
  try {
    return gunzipSync(octets, { maxOutputLength: most });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new PkiError('too-large', `The archive has more than ${most} octets, unpacked.`, { cause });
    throw new PkiError('bad-request', 'The gzip is damaged or cut off.', { cause });
  }
}
