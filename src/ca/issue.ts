import { PkiError } from '../errors.ts';
import type { CaContext } from './context.ts';
import type { Act, Completion, IntentRow, IntentVerdict, StoredCertificate } from './ledger-records.ts';
import type { KeyHandover, PreparedChunk, SignedRow } from './steps-ports.ts';

/** What became of one request. */
export type IssueOutcome =
  | ({
      readonly status: 'issued' | 'replayed';
      readonly deviceId: string;
      readonly certificate: StoredCertificate;
      readonly warnings: readonly string[];
    } & KeyHandover)
  | { readonly status: 'refused'; readonly deviceId: string | null; readonly refusal: PkiError };

export interface IssueInput {
  readonly act: Act;
  readonly fleetId: number;
  readonly batchId: string | null;
  /** After steps 1 and 2. */
  readonly chunk: PreparedChunk;
  /**
   * Where chunks of a lot are on their way side by side: `due` resolves when the chunk before has its
   * intents on record, and `recorded` is told when this one has. So the first row for a device wins.
   */
  readonly turn?: { readonly due: Promise<void>; recorded(): void };
}

/** How often and how long a row waits for another request that holds its slot: two seconds in all. */
export const PENDING_TRIES = 40;
export const PENDING_PAUSE_MS = 50;

/** A row that passed steps 1 and 2, with its place in the chunk. */
interface Candidate {
  readonly index: number;
  readonly intent: IntentRow;
  readonly warnings: readonly string[];
}

type Outcomes = Map<number, IssueOutcome>;

/** Which fleet that is, is not for everyone to know: a token that may see it finds it by the key. */
const KEY_ELSEWHERE =
  'A device of another fleet of this service has this key, too: was an image with a key in it copied?';

const warningsOf = (
  { warnings }: Candidate,
  { keyElsewhere }: { readonly keyElsewhere?: true },
): readonly string[] => (keyElsewhere ? [...warnings, KEY_ELSEWHERE] : warnings);

function settledOutcome(
  candidate: Candidate,
  verdict: Exclude<IntentVerdict, { verdict: 'recorded' }>,
): IssueOutcome {
  const { deviceId } = candidate.intent;
  switch (verdict.verdict) {
    case 'replay': {
      const { certificate, envelope = null } = verdict;
      const warnings = warningsOf(candidate, verdict);
      return { status: 'replayed', deviceId, certificate, warnings, privateKey: null, envelope };
    }
    case 'refused': {
      const { code, message, facts } = verdict;
      return { status: 'refused', deviceId, refusal: new PkiError(code, message, { facts }) };
    }
    case 'pending':
      return {
        status: 'refused',
        deviceId,
        refusal: new PkiError('busy', 'Another request for this device is under way; ask again in a moment.'),
      };
  }
}

/** What has just been recorded, as the ledger has it. */
function asStored(
  intent: IntentRow,
  { intentId, der, fingerprint }: Completion,
  { act, fleetId, batchId }: IssueInput,
): StoredCertificate {
  const { deviceId, profile, issuerId, serial, keyDigest, notBefore, notAfter, labels } = intent;
  const { supersede, revokeOld, renews } = intent;
  // Every field by name: a spread of so many makes an object that the engine handles slowly.
  return {
    intentId,
    der,
    fingerprint,
    deviceId,
    profile,
    issuerId,
    serial,
    keyDigest,
    made: intent.made !== null,
    imported: false,
    notBefore,
    notAfter,
    labels,
    fleetId,
    batchId,
    tokenId: act.actor.id,
    issuedAt: act.at,
    supersededAt: null,
    revokedAt: null,
    revocationReason: null,
    supersede,
    revokeOld,
    renews,
    seenAt: null,
  };
}

/** What is recorded of a signed row. A key in the clear is no part of it. */
function completionOf(
  intentId: number,
  { made }: IntentRow,
  { der, fingerprint, envelope }: SignedRow,
): Completion {
  const recipientDigest = made?.recipientDigest;
  if (!envelope || !recipientDigest) return { intentId, der, fingerprint };
  return { intentId, der, fingerprint, envelope: { recipientDigest, octets: envelope } };
}

/**
 * Steps 3 to 5 of the cycle for a chunk of requests of one fleet: record the intent, sign, complete.
 * One outcome a request, in order. When it resolves, every certificate in it is on disk.
 * Rejects when the ledger or the key fails; then no certificate left, and the intents say what was
 * about to be signed.
 */
export async function issue(ca: CaContext, input: IssueInput): Promise<readonly IssueOutcome[]> {
  const { chunk } = input;
  const outcomes: Outcomes = new Map();
  let waiting: Candidate[] = [];
  chunk.rows.forEach((row, index) => {
    if ('intent' in row) waiting.push({ index, ...row });
    else outcomes.set(index, { status: 'refused', ...row });
  });
  try {
    await abandonStranded(ca, input.act);
    await input.turn?.due;
    for (let attempt = 0; waiting.length > 0; attempt++) {
      if (attempt > 0) await ca.clock.sleep(PENDING_PAUSE_MS);
      waiting = await issueOnce(ca, input, waiting, outcomes, attempt < PENDING_TRIES);
    }
  } finally {
    input.turn?.recorded();
    chunk.release();
  }
  return chunk.rows.map((_, index) => {
    const outcome = outcomes.get(index);
    if (!outcome) throw new Error('a request was left without an outcome');
    return outcome;
  });
}

/**
 * One pass over the cycle. Fills in the outcomes, and returns the rows whose slot is held by a request
 * under way (a row before it in the same chunk, often), which may be asked again.
 */
async function issueOnce(
  ca: CaContext,
  input: IssueInput,
  candidates: readonly Candidate[],
  outcomes: Outcomes,
  mayWait: boolean,
): Promise<Candidate[]> {
  const { act, fleetId, batchId, chunk, turn } = input;
  // Step 3: record the intents; the ledger decides who may go on.
  const rows = candidates.map(({ intent }) => intent);
  const verdicts = await ca.ledger.recordIntents({ act, runId: ca.runId, fleetId, batchId, rows });
  turn?.recorded();
  const recorded: { candidate: Candidate; intentId: number; warnings: readonly string[] }[] = [];
  const pending: Candidate[] = [];
  candidates.forEach((candidate, i) => {
    const verdict = verdicts[i];
    if (!verdict) throw new Error('the ledger gave fewer verdicts than rows');
    if (verdict.verdict === 'recorded') {
      const { intentId } = verdict;
      recorded.push({ candidate, intentId, warnings: warningsOf(candidate, verdict) });
    } else if (verdict.verdict === 'pending' && mayWait) pending.push(candidate);
    else outcomes.set(candidate.index, settledOutcome(candidate, verdict));
  });
  if (recorded.length === 0) return pending;

  try {
    // Step 4: sign, and verify what came out.
    const signed = await chunk.sign(recorded.map(({ candidate }) => candidate.index));

    // Step 5: complete. After this the certificates may leave the process.
    const issued: Completion[] = recorded.map(({ intentId, candidate }, i) =>
      completionOf(intentId, candidate.intent, signed[i] as SignedRow),
    );
    await ca.ledger.recordIssued({ act, runId: ca.runId, fleetId, batchId, issued });
    recorded.forEach(({ candidate: { index, intent }, warnings }, i) => {
      const certificate = asStored(intent, issued[i] as Completion, input);
      const { privateKey, envelope } = signed[i] as SignedRow;
      const { deviceId } = intent;
      outcomes.set(index, { status: 'issued', deviceId, certificate, warnings, privateKey, envelope });
    });
  } catch (failure) {
    for (const { intentId } of recorded) ca.stranded.add(intentId);
    throw failure;
  }
  return pending;
}

/** Gives up the intents of earlier failures, so that their slots are free for the requests to come. */
export async function abandonStranded(ca: CaContext, act: Act): Promise<void> {
  const stranded = [...ca.stranded];
  if (stranded.length === 0) return;
  await ca.ledger.abandonIntents(act, ca.runId, stranded);
  for (const intentId of stranded) ca.stranded.delete(intentId);
}
