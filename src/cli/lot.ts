import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_CSR_OCTETS, readCsrContent } from './csr-file.ts';
import { fileFailure, LocalFailure } from './local-failure.ts';
import { type LotType, lotTypeOf } from './lot-type.ts';

/** A lot on its way out: a row for each request. */
export interface Lot {
  readonly type: LotType;
  /** Read once, at the pace of the upload. */
  readonly octets: AsyncIterable<Uint8Array>;
  /** The number of rows where it can be known; at most, for a folder. */
  readonly rows: number | null;
  /** The name of the file that became the row; null where rows are no files. Ask for each row once, in order. */
  fileOf(row: number): string | null;
  /** Files with a request that was not sent. */
  leftOut(): number;
}

const LINE_FEED = 0x0a;

/** Lines that are not empty, as the service counts rows; blanks alone in a line make the count too high. */
async function countLines(path: string): Promise<number> {
  let lines = 0;
  let previous = LINE_FEED;
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    for (const octet of piece) {
      if (octet === LINE_FEED && previous !== LINE_FEED) lines++;
      previous = octet;
    }
  }
  return previous === LINE_FEED ? lines : lines + 1;
}

const plainLot = (type: LotType, octets: AsyncIterable<Uint8Array>, rows: number | null): Lot => ({
  type,
  octets,
  rows,
  fileOf: () => null,
  leftOut: () => 0,
});

const REQUEST_FILE = /\.(?:csr|pem|der)$/i;

/** What of one file goes to the service; otherwise why it does not. */
async function readRow(
  path: string,
): Promise<{ readonly csr: string } | { readonly because: string | null }> {
  const { size } = await stat(path);
  if (size > MAX_CSR_OCTETS) return { because: `has more than ${MAX_CSR_OCTETS} octets` };
  const content = readCsrContent(await readFile(path));
  if (content.kind === 'request') return { csr: content.csr };
  return { because: content.kind === 'private-key' ? 'holds a private key' : null };
}

/** Files that are not requests stay where they are; those that seem to be meant for us are told of. */
async function openFolder(folder: string, say: (line: string) => void): Promise<Lot> {
  // In order of name, so that the same folder is the same lot.
  const names = (await readdir(folder)).filter((name) => REQUEST_FILE.test(name)).sort();
  if (names.length === 0) {
    throw new LocalFailure('usage', `${folder} holds no .csr, .pem or .der file.`);
  }
  const underway = new Map<number, string>();
  let sent = 0;
  let leftOut = 0;
  async function* rows(): AsyncGenerator<Uint8Array> {
    for (const name of names) {
      const row = await readRow(join(folder, name));
      if ('csr' in row) {
        underway.set(++sent, name);
        yield Buffer.from(`${JSON.stringify({ csr: row.csr })}\n`);
      } else if (row.because !== null) {
        leftOut++;
        say(`left out: ${name} ${row.because}`);
      }
    }
  }
  return {
    type: lotTypeOf(''),
    octets: rows(),
    rows: names.length,
    fileOf: (row) => {
      const name = underway.get(row) ?? null;
      underway.delete(row);
      return name;
    },
    leftOut: () => leftOut,
  };
}

/**
 * Opens a lot: a file (NDJSON, CSV, tar, tar.gz or zip by its name), `-` for NDJSON from stdin, or a
 * folder of requests, each of which becomes a row on the way. Rows of a file of NDJSON are counted only
 * where somebody watches. Rejects with `usage`.
 */
export async function openLot(
  source: string,
  { count, say }: { readonly count: boolean; readonly say: (line: string) => void },
): Promise<Lot> {
  if (source === '-') return plainLot(lotTypeOf(''), process.stdin as AsyncIterable<Buffer>, null);
  try {
    const found = await stat(source);
    if (found.isDirectory()) return await openFolder(source, say);
    const type = lotTypeOf(source);
    const isLines = type.contentType === lotTypeOf('').contentType && type.encoding === undefined;
    // A pipe has no length, and cannot be read twice.
    const rows = count && isLines && found.isFile() ? await countLines(source) : null;
    const handle = await open(source, 'r');
    return plainLot(type, handle.createReadStream() as AsyncIterable<Buffer>, rows);
  } catch (failure) {
    throw fileFailure(source, failure);
  }
}
