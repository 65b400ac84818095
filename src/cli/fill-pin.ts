import { buffer } from 'node:stream/consumers';
import {
  checkDirectory,
  openListing,
  type RandomAccess,
  readContent,
  type ZipRules,
} from '../archive/index.ts';
import { type BundleFolder, EMPTY_PIN, HSM_FRAGMENT, zipFiles } from '../bundle/index.ts';
import { LocalFailure } from './local-failure.ts';

/** A bundle has some files of some kilobytes. */
const RULES: ZipRules = {
  code: 'bad-request',
  maxEntries: 64,
  expansion: 200,
  expansionFreeOctets: 1024 * 1024,
  zip64: 'refused',
};

/** Stands between quotes in a file that knows no escapes. Refuses `usage`; the message does not say the PIN. */
export function verifyPin(pin: string): string {
  if (/^[\x20-\x7e]{1,255}$/.test(pin) && !/["\\]/.test(pin)) return pin;
  throw new LocalFailure(
    'usage',
    'A PIN has 1 to 255 printing ASCII characters, without quotes and backslashes.',
  );
}

function withPin(content: Uint8Array, pin: string): Uint8Array {
  const [before, after, more] = Buffer.from(content).toString('utf8').split(EMPTY_PIN);
  if (before === undefined || after === undefined || more !== undefined) {
    throw new LocalFailure('service-defect', `${HSM_FRAGMENT} has no one place for the PIN.`);
  }
  return Buffer.from(`${before}pass = "${pin}"${after}`);
}

/** The same bundle, with the PIN in its fragment: names, modes, times and order stay. */
export async function fillPin(zip: Buffer, pin: string): Promise<Buffer> {
  const file: RandomAccess = { size: zip.length, read: async (at, count) => zip.subarray(at, at + count) };
  const source = { file, directory: await checkDirectory(file, RULES), code: RULES.code };
  const folders: BundleFolder[] = [];
  for await (const entry of (await openListing(file, RULES)).entries) {
    const name = entry.fileNameRaw.toString('utf8');
    const content = await readContent(source, entry);
    const filled = name.endsWith(`/${HSM_FRAGMENT}`) ? withPin(content, pin) : content;
    const mode = (entry.externalFileAttributes >>> 16) & 0o777;
    folders.push({
      name: '',
      files: [{ name, mode, content: filled }],
      modified: entry.getLastModDate({ timezone: 'UTC' }),
    });
  }
  return buffer(zipFiles(folders));
}
