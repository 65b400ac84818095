import { numberRows, type RowSource } from '../row.ts';
import type { IdSource } from './archive-entry.ts';
import { readCsv } from './csv.ts';
import { gunzip } from './gunzip.ts';
import { readNdjson } from './ndjson.ts';
import type { RandomAccess } from './random-access.ts';
import { readTar } from './tar.ts';
import { openZip } from './zip.ts';

/** How a lot is written that is read as it comes. */
export type StreamForm = 'ndjson' | 'csv' | 'tar' | 'tar-gz';

const READERS = {
  ndjson: readNdjson,
  csv: readCsv,
  tar: readTar,
  'tar-gz': (source: AsyncIterable<Uint8Array>, ids: IdSource) => readTar(gunzip(source), ids),
} as const;

/** The rows of a lot, as its octets come. `ids` is of archives alone. */
export const readLot = (form: StreamForm, source: AsyncIterable<Uint8Array>, ids: IdSource): RowSource =>
  numberRows(READERS[form](source, ids));

/** The rows of a zip. Rejects with `bad-lot` or `too-large` before the first of them. */
export const readZip = async (file: RandomAccess, ids: IdSource): Promise<RowSource> =>
  numberRows(await openZip(file, ids));
