import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PkiError } from '../errors.ts';
import { encodeLines } from './batch-json.ts';
import { encodeCsvRecord } from './csv.ts';
import type { Request, Response } from './web.ts';

const JSON_PAGE = 'application/json';
const NDJSON = 'application/x-ndjson';
const CSV = 'text/csv';

/** A page, or everything as it comes. */
export type ListForm = typeof JSON_PAGE | typeof NDJSON | typeof CSV;

/** The form that Accept asks for; a page of JSON where it does not care. Refuses `not-acceptable`. */
export function negotiateList(req: Request, res: Response): ListForm {
  res.vary('Accept');
  const form = req.accepts(JSON_PAGE, NDJSON, 'application/jsonl', CSV);
  if (form === JSON_PAGE || form === CSV) return form;
  if (form) return NDJSON;
  throw new PkiError('not-acceptable', `A list is given as ${JSON_PAGE}, ${NDJSON} or ${CSV}.`);
}

const DEFAULT_LIMIT = 100;
const MOST_ON_A_PAGE = 1000;

/** Items of a page of JSON; a stream has no limit but the one that is asked for. Refuses `bad-request`. */
export function pageLimit(asked: number | undefined): number {
  const limit = asked ?? DEFAULT_LIMIT;
  if (limit <= MOST_ON_A_PAGE) return limit;
  throw new PkiError(
    'bad-request',
    `A page of JSON has at most ${MOST_ON_A_PAGE} items; take NDJSON for more.`,
  );
}

/** How an item stands in CSV. */
export interface CsvColumns<T> {
  readonly names: readonly string[];
  readonly cells: (item: T) => readonly (string | number | null)[];
}

async function* encodeCsv<T>(
  pages: AsyncIterable<readonly T[]>,
  { names, cells }: CsvColumns<T>,
): AsyncGenerator<string> {
  yield encodeCsvRecord(names);
  for await (const page of pages) yield page.map((item) => encodeCsvRecord(cells(item))).join('');
}

async function* encodeNdjson<T>(pages: AsyncIterable<readonly T[]>): AsyncGenerator<string> {
  for await (const page of pages) yield encodeLines(page);
}

/** Streams a list to its end: one page at a time is held, and the next is read when that has gone out. */
export async function streamList<T>(
  res: Response,
  form: Exclude<ListForm, 'application/json'>,
  pages: AsyncIterable<readonly T[]>,
  columns: CsvColumns<T>,
): Promise<void> {
  res.set('Content-Type', form === CSV ? `${CSV}; charset=utf-8; header=present` : form);
  const texts = form === CSV ? encodeCsv(pages, columns) : encodeNdjson(pages);
  await pipeline(Readable.from(texts, { highWaterMark: 1 }), res);
}
