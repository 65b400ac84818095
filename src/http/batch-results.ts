import type { Batch, BatchStore, StoredOutcome } from '../batch/index.ts';
import { PkiError } from '../errors.ts';
import { encodeLines, outcomeJson } from './batch-json.ts';
import { encodeCsvRecord } from './csv.ts';
import type { Request, Response } from './web.ts';

/** Outcomes read at a time. */
const PAGE = 256;

export interface ResultsWish {
  readonly after: number;
  readonly limit: number;
  readonly attempt?: number | undefined;
}

/** The outcomes after the cursor, up to what was the end when the reading began. */
export async function* listResults(
  store: BatchStore,
  batch: Batch,
  { after, limit, attempt }: ResultsWish,
): AsyncGenerator<readonly StoredOutcome[]> {
  let next = after;
  for (let left = limit; left > 0 && next < batch.lastSeq; ) {
    const page = await store.listOutcomes(batch.id, attempt ?? null, next, Math.min(left, PAGE));
    const last = page.at(-1);
    if (!last) break;
    yield page;
    next = last.seq;
    left -= page.length;
  }
}

async function* encodeNdjson(
  pages: AsyncIterable<readonly StoredOutcome[]>,
  after: number,
): AsyncGenerator<string> {
  let next = after;
  for await (const page of pages) {
    yield encodeLines(page.map((one) => ({ seq: one.seq, attempt: one.attempt, ...outcomeJson(one) })));
    next = page.at(-1)?.seq ?? next;
  }
  yield encodeLines([{ next }]);
}

const COLUMNS = [
  'seq',
  'attempt',
  'row',
  'deviceId',
  'status',
  'serial',
  'certificate',
  'envelope',
  'code',
  'detail',
  'warnings',
];

/** The certificate and the envelope as DER in base64: PEM begins like a formula. */
function encodeResult(outcome: StoredOutcome): string {
  const { seq, attempt, row, deviceId, status, serial, certificate, envelope, problem, warnings } = outcome;
  return encodeCsvRecord([
    seq,
    attempt,
    row,
    deviceId,
    status,
    serial === null ? null : Buffer.from(serial).toString('hex'),
    certificate === null ? null : Buffer.from(certificate).toString('base64'),
    envelope === null ? null : Buffer.from(envelope).toString('base64'),
    problem?.code ?? null,
    problem?.message ?? null,
    warnings.join(' '),
  ]);
}

async function* encodeCsv(pages: AsyncIterable<readonly StoredOutcome[]>): AsyncGenerator<string> {
  yield encodeCsvRecord(COLUMNS);
  for await (const page of pages) yield page.map(encodeResult).join('');
}

const NDJSON = 'application/x-ndjson';
const CSV = 'text/csv';

export interface ResultsForm {
  readonly contentType: string;
  readonly encode: (pages: AsyncIterable<readonly StoredOutcome[]>, after: number) => AsyncGenerator<string>;
}

/** The form that Accept asks for; NDJSON where it does not care. Refuses `not-acceptable`. */
export function negotiateResults(req: Request, res: Response): ResultsForm {
  res.vary('Accept');
  const form = req.accepts(NDJSON, 'application/jsonl', CSV);
  if (form === CSV) return { contentType: `${CSV}; charset=utf-8; header=present`, encode: encodeCsv };
  if (form) return { contentType: NDJSON, encode: encodeNdjson };
  throw new PkiError('not-acceptable', `Results are given as ${NDJSON} or ${CSV}.`);
}
