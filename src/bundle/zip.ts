import type { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { BundleFile } from './layout.ts';

/** A regular file with its mode, in the high half of the external attributes. */
const REGULAR = 0o100000;

/**
 * Streams files as a zip under one folder ('' for the archive's root). Sizes and CRC stand in the
 * local headers, for readers that do not seek; every entry carries the same time, so that the same
 * bundle is the same octets.
 */
export function zipFiles(folder: string, files: readonly BundleFile[], modified: Date): Readable {
  const zip = new ZipFile();
  for (const { name, mode, content } of files) {
    const path = folder === '' ? name : `${folder}/${name}`;
    zip.addBuffer(Buffer.from(content), path, { mtime: modified, mode: REGULAR | mode, compress: true });
  }
  zip.end();
  return zip.outputStream as Readable;
}
