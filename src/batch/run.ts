import {
  type Act,
  type CaContext,
  findIssuer,
  type IssueContext,
  type IssueOutcome,
  issue,
  type PreparedRow,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { gather } from './gather.ts';
import type { BatchStore, RowOutcome, StoredOutcome } from './ports.ts';
import type { Progress } from './progress.ts';
import type { Row, RowSource } from './row.ts';

/** Rows that go through the cycle together: two transactions, and some 150 ms of proving and signing. */
const CHUNK_ROWS = 512;
/** Of those whose RSA keys we make: some seconds a chunk, so that the client sees that it goes on. */
const RSA_CHUNK_ROWS = 4;
/** Chunks of one lot on their way at a time: some are proven, some signed, while others are written. */
const CHUNKS_UNDER_WAY = 6;

/** An upload under way: what it is and where its outcomes go. */
export interface BatchRun {
  readonly ca: CaContext;
  readonly store: BatchStore;
  readonly batchId: string;
  readonly attempt: number;
  readonly context: Omit<IssueContext, 'issuer'>;
  /** null: the fleet's default. */
  readonly authority: string | null;
  readonly progress: Progress;
}

/** Refusals that are ours, not the row's: asking again may help. */
const OURS: ReadonlySet<string> = new Set([
  'busy',
  'storage-full',
  'storage-unavailable',
  'signer-unavailable',
  'clock-behind',
]);

/** An outcome with what its line needs beside it. */
type Told = Omit<StoredOutcome, 'seq' | 'attempt'>;

/** What the pipeline says of the device (`deviceId`) goes before what the lot says: it has read the request. */
function refusedOutcome(
  { row, file, deviceId: told }: Row,
  deviceId: string | null,
  refusal: PkiError,
): Told {
  const { code, message, violations } = refusal;
  return {
    row,
    deviceId: deviceId ?? told,
    status: OURS.has(code) ? 'failed' : 'refused',
    intentId: null,
    problem: { code, message: file === undefined ? message : `${file}: ${message}`, violations },
    warnings: [],
    serial: null,
    certificate: null,
    envelope: null,
  };
}

function outcomeOf(asked: Row, outcome: IssueOutcome): Told {
  if (outcome.status === 'refused') return refusedOutcome(asked, outcome.deviceId, outcome.refusal);
  const { row } = asked;
  const { status, deviceId, warnings, certificate, envelope } = outcome;
  const { intentId, serial, der } = certificate;
  return { row, deviceId, status, intentId, problem: null, warnings, serial, certificate: der, envelope };
}

/** A failure of ledger or key is the outcome of every row that had got so far, not the batch's end. */
function failedOutcomes(
  rows: readonly Row[],
  prepared: readonly PreparedRow[],
  failure: PkiError,
): readonly Told[] {
  return rows.map((row, i) => {
    const one = prepared[i];
    if (one && 'refusal' in one) return refusedOutcome(row, one.deviceId, one.refusal);
    return { ...refusedOutcome(row, one?.intent.deviceId ?? null, failure), status: 'failed' };
  });
}

interface Turn {
  readonly due: Promise<void>;
  readonly done: () => void;
}

/** Turns, one after the other: each is due when the one before is done. */
function takeTurns(): () => Turn {
  let before = Promise.resolve();
  return () => {
    const due = before;
    let done: () => void = () => undefined;
    before = new Promise((resolve) => {
      done = resolve;
    });
    return { due, done };
  };
}

const actOf = ({ ca, context }: BatchRun): Act => {
  const { id, role } = context.requester;
  return { at: ca.clock.now(), actor: { kind: 'token', id, role } };
};

/** True where another generation issues since: what failed under the one before may be tried again. */
async function hasOtherIssuer(
  { ca, context, authority }: BatchRun,
  issuerId: number | null,
): Promise<boolean> {
  const issuer = await findIssuer(ca, context.fleet.id, authority).catch(() => null);
  return issuer !== null && issuerId !== null && issuer.id !== issuerId;
}

/**
 * Steps 1 to 5 for a chunk: what became of each of its rows. Where the generation that was to sign is taken
 * back or found compromised meanwhile, the one in its place does, once.
 */
async function issueChunk(
  run: BatchRun,
  rows: readonly Row[],
  act: Act,
  turn: Turn,
  attempt: 'first' | 'second' = 'first',
): Promise<readonly Told[]> {
  const { ca, context, batchId, authority } = run;
  let prepared: readonly PreparedRow[] = [];
  let issuerId: number | null = null;
  try {
    const issuer = await findIssuer(ca, context.fleet.id, authority);
    issuerId = issuer.id;
    const { id, keyId, certificate, authority: name, number } = issuer;
    const order = {
      context: { ...context, issuer: { id, keyId, certificate, authority: name, number } },
      requests: rows.map(({ input }) => input),
      at: act.at,
    };
    const chunk = await ca.steps.prepare(order);
    prepared = chunk.rows;
    const outcomes = await issue(ca, {
      act,
      fleetId: context.fleet.id,
      batchId,
      chunk,
      turn: { due: turn.due, recorded: turn.done },
    });
    return outcomes.map((outcome, i) => outcomeOf(rows[i] as Row, outcome));
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    if (attempt === 'first' && failure.code === 'busy' && (await hasOtherIssuer(run, issuerId)))
      return issueChunk(run, rows, act, turn, 'second');
    return failedOutcomes(rows, prepared, failure);
  } finally {
    turn.done();
  }
}

async function recordChunk(run: BatchRun, act: Act, told: readonly Told[]): Promise<void> {
  const outcomes: readonly RowOutcome[] = told.map(
    ({ serial: _serial, certificate: _certificate, envelope: _envelope, ...outcome }) => outcome,
  );
  const { firstSeq } = await run.store.recordOutcomes(act, run.batchId, run.attempt, outcomes);
  run.progress.advance(told.map((one, i) => ({ ...one, seq: firstSeq + i, attempt: run.attempt })));
}

/** At most so many works at a time; whoever starts another waits. The first failure is everybody's. */
class Lanes {
  readonly #most: number;
  readonly #works = new Set<Promise<void>>();
  #failure: { readonly cause: unknown } | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  async start(work: () => Promise<void>): Promise<void> {
    while (this.#works.size >= this.#most) await Promise.race(this.#works);
    this.#check();
    const running = work()
      .catch((cause: unknown) => {
        this.#failure ??= { cause };
      })
      .finally(() => this.#works.delete(running));
    this.#works.add(running);
  }

  async end(): Promise<void> {
    await Promise.all(this.#works);
    this.#check();
  }

  #check(): void {
    if (this.#failure) throw this.#failure.cause;
  }
}

const rowsOfChunk = ({ context: { making } }: BatchRun): number =>
  making?.algorithm.startsWith('rsa-') ? RSA_CHUNK_ROWS : CHUNK_ROWS;

/** The rows of a lot up to where it is refused as a whole: what came before that is worked on all the same. */
async function* untilRefused(
  rows: RowSource,
  note: (refusal: PkiError) => void,
): AsyncGenerator<readonly Row[]> {
  try {
    yield* rows;
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    note(failure);
  }
}

/**
 * Takes a lot through the cycle to its end, several chunks at a time; intents and outcomes come to be on
 * record in input order. One bad row stops no other. When it resolves, every row has its outcome on
 * record: with null, and the attempt is complete; or with why the lot was refused midway, by a limit or
 * for its form, and the attempt is interrupted. Where the upload breaks off or the store fails, the
 * attempt is marked interrupted (as far as the store still can) and it rejects. The reader of the answer
 * is never waited for.
 */
export async function receive(run: BatchRun, rows: RowSource): Promise<PkiError | null> {
  const close = (state: 'complete' | 'interrupted'): Promise<void> =>
    run.store.closeAttempt(actOf(run), run.batchId, run.attempt, state);
  const lanes = new Lanes(CHUNKS_UNDER_WAY);
  const intents = takeTurns();
  const outcomes = takeTurns();
  let broken = false;
  const process = async (chunk: readonly Row[], intent: Turn, outcome: Turn): Promise<void> => {
    try {
      const act = actOf(run);
      const told = await issueChunk(run, chunk, act, intent);
      await outcome.due;
      // After outcomes that could not be recorded no later ones are: the answer has no gap.
      if (broken) throw new PkiError('storage-unavailable', 'Outcomes before these could not be recorded.');
      await recordChunk(run, act, told);
    } catch (failure) {
      broken = true;
      throw failure;
    } finally {
      outcome.done();
    }
  };
  let refusal: PkiError | null = null;
  const taken = untilRefused(rows, (why) => {
    refusal = why;
  });
  try {
    for await (const chunk of gather(taken, rowsOfChunk(run), run.ca.clock)) {
      const turns = [intents(), outcomes()] as const;
      await lanes.start(() => process(chunk, ...turns));
    }
    await lanes.end();
    const state = refusal === null ? 'complete' : 'interrupted';
    await close(state);
    run.progress.finish(state);
    return refusal;
  } catch (failure) {
    // What is under way ends by itself; its outcomes are kept.
    await lanes.end().catch(() => undefined);
    run.progress.finish('interrupted');
    // The failure is what the caller must hear; that the mark could not be set shows at the next start.
    await close('interrupted').catch(() => undefined);
    throw failure;
  }
}
