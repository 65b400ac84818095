import {
  type Act,
  type CaContext,
  findIssuer,
  type Generation,
  type IssueOutcome,
  issue,
} from '../ca/index.ts';
import {
  authorize,
  certificateRowSchema,
  type FleetFacts,
  fitJson,
  type Grant,
  parseStrictJson,
  type Requester,
  requestOfRow,
  verifyNoPrivateKey,
} from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import type { DeviceProfile } from '../policy/index.ts';
import { gather } from './gather.ts';
import { type Line, MAX_ROW_OCTETS } from './lines.ts';
import type { BatchStore, RowOutcome } from './ports.ts';
import type { Progress } from './progress.ts';

/** Rows that go through the cycle together: two transactions, and some 30 ms of proving and signing. */
const CHUNK_ROWS = 128;

/** An upload under way: what it is and where its outcomes go. */
export interface BatchRun {
  readonly ca: CaContext;
  readonly store: BatchStore;
  readonly batchId: string;
  readonly attempt: number;
  readonly fleet: FleetFacts;
  readonly requester: Requester;
  /** null: the fleet's default. */
  readonly authority: string | null;
  readonly profile: DeviceProfile;
  readonly progress: Progress;
}

interface Row {
  readonly line: Line;
  readonly deviceId: string | null;
  readonly judged: Grant | PkiError;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodeLine({ octets }: Line): string {
  if (octets === null) {
    throw new PkiError('too-large', `The row has more than ${MAX_ROW_OCTETS} octets; it was skipped.`);
  }
  try {
    return utf8.decode(octets);
  } catch (cause) {
    throw new PkiError('bad-row', 'The row is not UTF-8.', { cause });
  }
}

function profileOf(run: BatchRun, name: string | undefined): DeviceProfile {
  if (name === undefined) return run.profile;
  const profile = run.ca.policy.deviceProfile(run.fleet.target.name, name);
  if (profile) return profile;
  throw new PkiError('profile-unknown', `There is no device profile named ${name} for this fleet.`);
}

/** Step 1 for one row. What it says of itself is kept for the answer even where it is refused. */
function judge(run: BatchRun, line: Line): Row {
  let deviceId: string | null = null;
  try {
    const text = decodeLine(line);
    verifyNoPrivateKey(text);
    const row = fitJson(certificateRowSchema, parseStrictJson(text));
    deviceId = row.deviceId ?? null;
    const grant = authorize(run.requester, run.fleet, profileOf(run, row.profile), requestOfRow(row));
    return { line, deviceId: grant.content.deviceId, judged: grant };
  } catch (refusal) {
    if (refusal instanceof PkiError) return { line, deviceId, judged: refusal };
    throw refusal;
  }
}

function problemOutcome(
  { line, deviceId }: Row,
  status: 'refused' | 'failed',
  refusal: PkiError,
): RowOutcome {
  const { code, message, violations } = refusal;
  return {
    row: line.row,
    deviceId,
    status,
    intentId: null,
    problem: { code, message, violations },
    warnings: [],
  };
}

/** Refusals that are ours, not the row's: asking again may help. */
const OURS: ReadonlySet<string> = new Set([
  'busy',
  'storage-full',
  'storage-unavailable',
  'signer-unavailable',
  'clock-behind',
]);

function outcomeOf(row: Row, outcome: IssueOutcome | PkiError): RowOutcome {
  if (outcome instanceof PkiError) return problemOutcome(row, 'failed', outcome);
  if (outcome.status === 'refused') {
    return problemOutcome(row, OURS.has(outcome.refusal.code) ? 'failed' : 'refused', outcome.refusal);
  }
  const { certificate, status, warnings } = outcome;
  return {
    row: row.line.row,
    deviceId: row.deviceId,
    status,
    intentId: certificate.intentId,
    problem: null,
    warnings,
  };
}

const isGranted = (row: Row): row is Row & { judged: Grant } => !(row.judged instanceof PkiError);

/** Steps 2 to 5 for a chunk. A failure of ledger or key is every row's outcome, not the batch's end. */
async function issueRows(
  run: BatchRun,
  act: Act,
  rows: readonly (Row & { judged: Grant })[],
): Promise<ReadonlyMap<Row, IssueOutcome | PkiError>> {
  if (rows.length === 0) return new Map();
  try {
    const issuer: Generation = await findIssuer(run.ca, run.fleet.id, run.authority);
    const grants = rows.map(({ judged }) => judged);
    const outcomes = await issue(run.ca, {
      act,
      fleetId: run.fleet.id,
      issuer,
      batchId: run.batchId,
      grants,
    });
    return new Map(rows.map((row, i) => [row, outcomes[i] as IssueOutcome]));
  } catch (failure) {
    if (failure instanceof PkiError) return new Map(rows.map((row) => [row, failure]));
    throw failure;
  }
}

async function processChunk(run: BatchRun, lines: readonly Line[]): Promise<void> {
  const { id, role } = run.requester;
  const act: Act = { at: run.ca.clock.now(), actor: { kind: 'token', id, role } };
  const rows = lines.map((line) => judge(run, line));
  const issued = await issueRows(run, act, rows.filter(isGranted));
  const outcomes = rows.map((row) => {
    if (row.judged instanceof PkiError) return problemOutcome(row, 'refused', row.judged);
    const outcome = issued.get(row);
    if (!outcome) throw new Error('a row was left without an outcome');
    return outcomeOf(row, outcome);
  });
  await run.store.recordOutcomes(act, run.batchId, run.attempt, outcomes);
}

/**
 * Takes a lot through the cycle, chunk by chunk, to its end. One bad row stops no other. When it
 * resolves, every row has its outcome on record and the attempt is complete; where the upload breaks
 * off or the store fails, the attempt is marked interrupted (as far as the store still can) and it
 * rejects. The reader of the answer is never waited for.
 */
export async function receive(run: BatchRun, lines: AsyncIterable<readonly Line[]>): Promise<void> {
  const close = (state: 'complete' | 'interrupted'): Promise<void> => {
    const { id, role } = run.requester;
    const act: Act = { at: run.ca.clock.now(), actor: { kind: 'token', id, role } };
    return run.store.closeAttempt(act, run.batchId, run.attempt, state);
  };
  try {
    for await (const chunk of gather(lines, CHUNK_ROWS, run.ca.clock)) {
      await processChunk(run, chunk);
      run.progress.advance();
    }
    await close('complete');
    run.progress.finish('complete');
  } catch (failure) {
    run.progress.finish('interrupted');
    // The failure is what the caller must hear; that the mark could not be set shows at the next start.
    await close('interrupted').catch(() => undefined);
    throw failure;
  }
}
