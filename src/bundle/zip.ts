import type { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
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

/**
 * Streams files as a zip under one folder ('' for the archive's root). Sizes and CRC stand in the
 * local headers, for readers that do not seek; every entry carries the same time, so that the same
 * bundle is the same octets, on every machine.
 */
export function zipFiles(folder: string, files: readonly BundleFile[], modified: Date): Readable {
  const zip = new ZipFile();
  const mtime = new UtcDate(modified);
  for (const { name, mode, content } of files) {
    const path = folder === '' ? name : `${folder}/${name}`;
    zip.addBuffer(Buffer.from(content), path, { mtime, mode: REGULAR | mode, compress: true });
  }
  zip.end();
  return zip.outputStream as Readable;
}
