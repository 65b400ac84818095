import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { LotWish } from './lot-writer.ts';
import { parseRow } from './request.ts';
import type { Workshop } from './workshop.ts';

/** Requests on disk, NDJSON, in the order of the files. */
export interface Lot {
  readonly files: readonly string[];
  readonly rows: number;
}

const WRITER = new URL('./lot-writer.js', import.meta.url);

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
  return { files: wishes.map(({ file }) => file), rows };
}

/** The requests of a lot, DER. For lots that fit into memory. */
export async function readRequests({ files }: Lot): Promise<readonly Buffer[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'latin1')));
  return texts.flatMap((text) => text.trimEnd().split('\n').map(parseRow));
}

export async function removeLot({ files }: Lot): Promise<void> {
  await Promise.all(files.map((file) => rm(file)));
}
