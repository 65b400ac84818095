import { z } from 'zod';
import { REFUSAL_CODES, type RefusalCode } from '../../errors.ts';
import { LocalFailure } from '../local-failure.ts';
import type { Api } from './api-client.ts';
import { AUTHORITY, FLEET } from './demo-fleet.ts';
import type { LotRow } from './lot.ts';
import { withProgress } from './terminal.ts';

const outcomeSchema = z.object({
  row: z.int(),
  deviceId: z.string().nullable(),
  status: z.enum(['issued', 'replayed', 'refused', 'failed']),
  certificate: z.string().optional(),
  problem: z.object({ code: z.enum(REFUSAL_CODES), title: z.string(), detail: z.string() }).optional(),
});
type Outcome = z.infer<typeof outcomeSchema>;

const summarySchema = z.object({
  summary: z.object({
    batch: z.string(),
    rows: z.int(),
    issued: z.int(),
    refused: z.int(),
    chain: z.string(),
  }),
});

export interface IssuedRow {
  readonly lotRow: LotRow;
  /** PEM. */
  readonly certificate: string;
}

export interface RefusedRow {
  readonly row: number;
  readonly deviceId: string | null;
  readonly code: RefusalCode;
  readonly title: string;
  readonly detail: string;
  /** What was wrong with it on purpose; null: it should have been issued. */
  readonly fault: string | null;
  readonly expected: RefusalCode | null;
}

export interface SentLot {
  readonly batch: string;
  readonly issued: readonly IssuedRow[];
  readonly refused: readonly RefusedRow[];
  /** The intermediates that follow each leaf, PEM. */
  readonly chain: string;
  /** From the first octet sent to the last received. */
  readonly milliseconds: number;
  /** One sentence for each outcome that was not as planned. */
  readonly surprises: readonly string[];
}

/** What is not as planned about one outcome; undefined where it is. */
function surpriseOf({ row, status, problem }: Outcome, { fault }: LotRow): string | undefined {
  const plan = fault ? { status: 'refused', code: fault.code } : { status: 'issued', code: undefined };
  if (status === plan.status && problem?.code === plan.code) return undefined;
  const why = fault ? ` (${fault.title})` : '';
  const say = (word: string, code?: string): string => (code === undefined ? word : `${word} as ${code}`);
  return `row ${row}${why}: planned ${say(plan.status, plan.code)}, got ${say(status, problem?.code)}${problem ? `: ${problem.detail}` : ''}`;
}

interface Tally {
  readonly issued: IssuedRow[];
  readonly refused: RefusedRow[];
  readonly surprises: string[];
}

function take(tally: Tally, outcome: Outcome, lotRow: LotRow): void {
  const { row, deviceId, certificate, problem } = outcome;
  const surprise = surpriseOf(outcome, lotRow);
  if (surprise !== undefined) tally.surprises.push(surprise);
  if (certificate !== undefined) tally.issued.push({ lotRow, certificate });
  if (problem === undefined) return;
  const { title = null, code: expected = null } = lotRow.fault ?? {};
  tally.refused.push({ row, deviceId, ...problem, fault: title, expected });
}

/** Sends the lot as NDJSON, reads its answer at the same time, and holds each outcome against the plan. */
export async function sendLot(
  api: Api,
  token: string,
  lot: readonly LotRow[],
  signal: AbortSignal,
): Promise<SentLot> {
  const tally: Tally = { issued: [], refused: [], surprises: [] };
  const since = performance.now();
  const path = `/v1/fleets/${FLEET}/batches?authority=${AUTHORITY}`;
  let answered = 0;
  let end: z.infer<typeof summarySchema>['summary'] | undefined;
  await withProgress('Sending the lot, reading its answer', lot.length, async (advance) => {
    for await (const line of api.exchange(
      path,
      token,
      lot.map((row) => row.line),
    )) {
      signal.throwIfAborted();
      const parsed: unknown = JSON.parse(line);
      const { data } = summarySchema.safeParse(parsed);
      if (data) {
        end = data.summary;
        continue;
      }
      const outcome = outcomeSchema.parse(parsed);
      const lotRow = lot[answered];
      answered++;
      // Outcomes come in input order, one a row.
      if (!lotRow || outcome.row !== answered)
        throw new LocalFailure('service-defect', `Outcome ${answered} is of row ${outcome.row}.`);
      take(tally, outcome, lotRow);
      advance();
    }
  });
  if (!end || answered !== lot.length || end.rows !== lot.length) {
    throw new LocalFailure(
      'cut-off',
      `The answer to the lot is not whole: it has ${answered} of ${lot.length} rows${end ? '' : ' and no summary'}.`,
    );
  }
  return { ...tally, batch: end.batch, chain: end.chain, milliseconds: performance.now() - since };
}
