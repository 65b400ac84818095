import { once } from 'node:events';
import type { PassThrough, Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { BundleFolder } from './folder.ts';
import type { BundleFile } from './layout.ts';

/** A regular file with its mode, in the high half of the external attributes. */
const REGULAR = 0o100000;

/**
 * An instant whose calendar is UTC's. The zip format has local times without a zone; yazl asks for the
 * machine's, which would make the octets depend on where the service runs.
 */
class UtcDate extends Date {
  override getFullYear(): number {
    return this.getUTCFullYear();
  }
  override getMonth(): number {
    return this.getUTCMonth();
  }
  override getDate(): number {
    return this.getUTCDate();
  }
  override getHours(): number {
    return this.getUTCHours();
  }
  override getMinutes(): number {
    return this.getUTCMinutes();
  }
  override getSeconds(): number {
    return this.getUTCSeconds();
  }
}

function addFiles(zip: ZipFile, folder: string, files: readonly BundleFile[], modified: Date): void {
  const mtime = new UtcDate(modified);
  for (const { name, mode, content } of files) {
    const path = folder === '' ? name : `${folder}/${name}`;
    zip.addBuffer(Buffer.from(content), path, { mtime, mode: REGULAR | mode, compress: true });
  }
}

/**
 * Streams folders as a zip. Sizes and CRC stand in the local headers, for readers that do not seek; every
 * entry carries its folder's time, so that the same bundle is the same octets, on every machine.
 */
export function zipFiles(folders: readonly BundleFolder[]): Readable {
  const zip = new ZipFile();
  for (const { name, files, modified } of folders) addFiles(zip, name, files, modified);
  zip.end();
  return zip.outputStream as Readable;
}

async function feed(zip: ZipFile, folders: AsyncIterable<BundleFolder>): Promise<void> {
  const output = zip.outputStream as PassThrough;
  for await (const { name, files, modified } of folders) {
    if (output.destroyed) return;
    addFiles(zip, name, files, modified);
    // yazl writes on whatever its reader takes; so no more is given while that is behind.
    if (output.writableNeedDrain) await once(output, 'drain');
  }
  zip.end();
}

/**
 * Folders as a zip, one after the other. What it keeps of each until the end is its place in the
 * directory: some 2 kB for a device.
 */
export function zipFolders(folders: AsyncIterable<BundleFolder>): Readable {
  const zip = new ZipFile();
  const output = zip.outputStream as PassThrough;
  feed(zip, folders).catch((failure: Error) => output.destroy(failure));
  return output;
}
