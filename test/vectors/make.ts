/** Writes the vectors: `npx tsx test/vectors/make.ts [outDir]`; without a folder, over the committed ones. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFiles } from './vectors.ts';

const [outDir = fileURLToPath(new URL('.', import.meta.url))] = process.argv.slice(2);
const files = buildFiles();
for (const folder of ['csr', 'given']) {
  rmSync(join(outDir, folder), { recursive: true, force: true });
  mkdirSync(join(outDir, folder), { recursive: true });
}
for (const [path, bytes] of files) writeFileSync(join(outDir, path), bytes);
console.log(`${files.size} files in ${outDir}`);
