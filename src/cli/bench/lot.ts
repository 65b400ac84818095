import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { builtModule } from '../../package-root.ts';
import type { LotWish } from './lot-writer.ts';
import { makeRecipient } from './recipient.ts';
import { encodeIdRow, parseRow } from './request.ts';
import type { Workshop } from './workshop.ts';

/** Rows on disk, NDJSON, in the order of the files. */
export interface Lot {
  readonly files: readonly string[];
  readonly rows: number;
  /** Whom the CA makes keys for, a certificate in DER; null: the rows are requests. */
  readonly recipient: Uint8Array | null;
}

/** Rows that are held in memory. */
const ROWS_A_WRITE = 500;
const WRITER = builtModule('cli/bench/lot-writer.js');

/** Makes a lot of distinct P-256 requests on all cores. `name` must be new: device IDs begin with it. */
export async function makeLot(workshop: Workshop, name: string, rows: number): Promise<Lot> {
  const lanes = Math.min(availableParallelism(), rows);
  const wishes = Array.from({ length: lanes }, (_, lane): LotWish => {
    const prefix = `${name}-${lane}`;
    // What does not divide evenly goes to the first ones.
    const share = Math.floor((rows + lanes - 1 - lane) / lanes);
    return { file: join(workshop.folder, `${prefix}.ndjson`), prefix, rows: share };
  });
  await Promise.all(wishes.map((wish) => once(workshop.thread(WRITER, wish), 'exit')));
  return { files: wishes.map(({ file }) => file), rows, recipient: null };
}

function* idRows(name: string, rows: number): Generator<string> {
  for (let from = 0; from < rows; from += ROWS_A_WRITE) {
    const length = Math.min(ROWS_A_WRITE, rows - from);
    yield Array.from({ length }, (_, i) => encodeIdRow(`${name}-${from + i}`)).join('');
  }
}

/** Makes a lot of device IDs, for which the CA makes P-256 keys. `name` must be new: they begin with it. */
export async function makeIdLot({ folder }: Workshop, name: string, rows: number): Promise<Lot> {
  const file = join(folder, `${name}.ndjson`);
  await writeFile(file, idRows(name, rows));
  return { files: [file], rows, recipient: makeRecipient() };
}

/** The requests of a lot, DER. For lots that fit into memory. */
export async function readRequests({ files }: Lot): Promise<readonly Buffer[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'latin1')));
  return texts.flatMap((text) => text.trimEnd().split('\n').map(parseRow));
}

export async function removeLot({ files }: Lot): Promise<void> {
  await Promise.all(files.map((file) => rm(file)));
}
