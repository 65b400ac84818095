import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_CSR_OCTETS, readCsrContent } from './csr-file.ts';
import { fileFailure, LocalFailure } from './local-failure.ts';
import { type LotType, lotTypeOf } from './lot-type.ts';
import { octetsOf } from './octets-of.ts';
import { spoolLot } from './spool-lot.ts';

/** A lot on its way out: a row for each request. It can be sent any number of times, one after the other. */
export interface Lot {
  readonly type: LotType;
  /** The octets from the first on, read at the pace of the upload. What was read before is done with. */
  read(): AsyncIterable<Uint8Array>;
  /** The number of rows where it can be known; at most, for a folder. */
  readonly rows: number | null;
  /** The name of the file that became the row; null where rows are no files. Ask for each row once, in order. */
  fileOf(row: number): string | null;
  /** Files with a request that was not sent. */
  leftOut(): number;
  close(): Promise<void>;
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

/** Takes the handle over. */
const plainLot = (type: LotType, handle: FileHandle, rows: number | null): Lot => ({
  type,
  read: () => octetsOf(handle),
  rows,
  fileOf: () => null,
  leftOut: () => 0,
  close: () => handle.close(),
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
  const told = new Set<string>();
  const leaveOut = (name: string, because: string): void => {
    if (!told.has(name)) say(`left out: ${name} ${because}`);
    told.add(name);
  };
  let underway = new Map<number, string>();
  async function* rows(sending: Map<number, string>): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for (const name of names) {
      const row = await readRow(join(folder, name));
      if ('csr' in row) {
        sending.set(++sent, name);
        yield Buffer.from(`${JSON.stringify({ csr: row.csr })}\n`);
      } else if (row.because !== null) leaveOut(name, row.because);
    }
  }
  return {
    type: lotTypeOf(''),
    read: () => {
      underway = new Map();
      return rows(underway);
    },
    rows: names.length,
    fileOf: (row) => {
      const name = underway.get(row) ?? null;
      underway.delete(row);
      return name;
    },
    leftOut: () => told.size,
    close: () => Promise.resolve(),
  };
}

export interface OpenLotWish {
  /** Count the rows of a file of NDJSON: somebody watches. */
  readonly count: boolean;
  readonly say: (line: string) => void;
  /** Ends the taking in of stdin. */
  readonly signal?: AbortSignal;
}

/** The lot of an open file; a handle that it does not take over is closed by the caller. */
async function lotOf(
  source: string,
  handle: FileHandle,
  { count, signal }: OpenLotWish,
): Promise<{ readonly lot: Lot; readonly isTaken: boolean }> {
  const type = lotTypeOf(source);
  // A pipe has no length, and cannot be read twice.
  if (!(await handle.stat()).isFile()) {
    const spooled = await spoolLot(handle.createReadStream({ autoClose: false }), signal);
    return { lot: plainLot(type, spooled, null), isTaken: false };
  }
  const isLines = type.contentType === lotTypeOf('').contentType && type.encoding === undefined;
  return { lot: plainLot(type, handle, count && isLines ? await countLines(source) : null), isTaken: true };
}

async function openFile(source: string, wish: OpenLotWish): Promise<Lot> {
  const handle = await open(source, 'r');
  let isTaken = false;
  try {
    const opened = await lotOf(source, handle, wish);
    ({ isTaken } = opened);
    return opened.lot;
  } finally {
    if (!isTaken) await handle.close();
  }
}

/**
 * Opens a lot: a file (NDJSON, CSV, tar, tar.gz or zip by its name), `-` for NDJSON from stdin, or a
 * folder of requests, each of which becomes a row on the way. What cannot be read twice is taken in whole
 * first. Rejects with `usage`.
 */
export async function openLot(source: string, wish: OpenLotWish): Promise<Lot> {
  if (source === '-') return plainLot(lotTypeOf(''), await spoolLot(process.stdin, wish.signal), null);
  try {
    if ((await stat(source)).isDirectory()) return await openFolder(source, wish.say);
    return await openFile(source, wish);
  } catch (failure) {
    throw fileFailure(source, failure);
  }
}
