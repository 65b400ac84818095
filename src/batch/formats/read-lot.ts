import type { RandomAccess } from '../../archive/index.ts';
import { numberRows, type RowSource } from '../row.ts';
import type { IdSource } from './archive-entry.ts';
import { type KeySource, readCsv } from './csv.ts';
import { gunzip } from './gunzip.ts';
import { readNdjson } from './ndjson.ts';
import { readTar } from './tar.ts';
import { openZip } from './zip.ts';

/** How a lot is written that is read as it comes. */
export type StreamForm = 'ndjson' | 'csv' | 'tar' | 'tar-gz';

const READERS = {
  ndjson: readNdjson,
  csv: (source: AsyncIterable<Uint8Array>, _ids: IdSource, keys: KeySource) => readCsv(source, keys),
  tar: readTar,
  'tar-gz': (source: AsyncIterable<Uint8Array>, ids: IdSource) => readTar(gunzip(source), ids),
} as const;

/**
 * The rows of a lot, as its octets come. `ids` is of archives alone; `keys` of CSV, whose header must be
 * judged before its rows (a line of NDJSON is judged with its row, and a file of an archive is a CSR).
 */
export const readLot = (
  form: StreamForm,
  source: AsyncIterable<Uint8Array>,
  ids: IdSource,
  keys: KeySource = 'brought',
): RowSource => numberRows(READERS[form](source, ids, keys));

/** The rows of a zip. Rejects with `bad-lot` or `too-large` before the first of them. */
export const readZip = async (file: RandomAccess, ids: IdSource): Promise<RowSource> =>
  numberRows(await openZip(file, ids));
