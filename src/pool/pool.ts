import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import {
  type IssueContext,
  type Keystore,
  mintSerials,
  type PreparedChunk,
  type PreparedRow,
  type PrepareOrder,
  type RequestInput,
  type SignedRow,
  type Signer,
  type Steps,
} from '../ca/index.ts';
import { createPolicy, type Profile, profileDigest } from '../policy/index.ts';
import type { Random } from '../random.ts';
import { Crew, type Member } from './crew.ts';
import {
  type Answer,
  pack,
  packContext,
  type Task,
  transferOf,
  unpack,
  unpackRefusal,
  unpackRows,
} from './messages.ts';

export interface PoolSettings {
  readonly keystore: Keystore;
  readonly random: Random;
  /** The operator's own profiles. */
  readonly profiles: readonly Profile[];
  /** Threads; all cores where it is not given. */
  readonly size?: number;
}

export interface Pool extends Steps {
  close(): Promise<void>;
}

/** What finishes a chunk goes first; then single requests; then chunks of lots. */
const RANK = { finish: 0, single: 1, lot: 2 } as const;
const MOST_SINGLES = 32;

/** An answer of the kind that is due; throws what the worker threw. */
function expect<K extends Answer['kind']>(answer: Answer, kind: K): Extract<Answer, { kind: K }> {
  if (answer.kind === kind) return answer as Extract<Answer, { kind: K }>;
  if (answer.kind === 'refused') throw unpackRefusal(answer.refusal);
  const failure = new Error(answer.kind === 'failed' ? answer.message : `a worker answered ${answer.kind}`);
  if (answer.kind === 'failed') failure.stack = answer.stack;
  throw failure;
}

type Sent = Exclude<RequestInput, { form: 'refused' }>;

function taskFor(chunk: number, { context, at }: PrepareOrder, sent: readonly Sent[], random: Random): Task {
  return {
    kind: 'prepare',
    chunk,
    context: packContext(context),
    requests: pack(sent.map(({ octets }) => octets)),
    fields: sent.map((input) => (input.form === 'request' ? input.fields : null)),
    serials: mintSerials(random, sent.length),
    at: at.getTime(),
  };
}

/** What was refused at the edge keeps its place among what the workers prepared. */
function inPlace(requests: readonly RequestInput[], prepared: readonly PreparedRow[]) {
  const places: number[] = [];
  let next = 0;
  const rows = requests.map((request): PreparedRow => {
    if (request.form === 'refused') {
      places.push(-1);
      return { refusal: request.refusal, deviceId: null };
    }
    places.push(next);
    return prepared[next++] as PreparedRow;
  });
  return { rows, places };
}

const recipientDigestOf = ({ making }: IssueContext): Uint8Array | null =>
  making?.recipient ? createHash('sha256').update(making.recipient).digest() : null;

/** Rows as the worker signed them; `sealed`: the keys that it made are in envelopes. */
function signedRows(
  { certificates, fingerprints, keys }: Extract<Answer, { kind: 'signed' }>,
  sealed: boolean,
): readonly SignedRow[] {
  const made = unpack(keys);
  return unpack(certificates).map((der, i) => {
    const key = made[i]?.length ? (made[i] ?? null) : null;
    const fingerprint = fingerprints.subarray(i * 32, (i + 1) * 32);
    return { der, fingerprint, privateKey: sealed ? null : key, envelope: sealed ? key : null };
  });
}

/** Where a chunk is, and what signs it. */
interface Place {
  readonly worker: Member;
  readonly chunk: number;
  readonly keyId: string;
  readonly signer: Signer;
}

/** Starts the workers. */
export function openPool({ keystore, random, profiles, size = availableParallelism() }: PoolSettings): Pool {
  const crew = new Crew({ profiles }, size);
  const policy = createPolicy(profiles);
  let chunks = 0;

  const digestFor = ({ fleet }: IssueContext) => {
    const known = new Map<string, Uint8Array>();
    return (name: string): Uint8Array => {
      const profile = policy.deviceProfile(fleet.target, name);
      if (!profile) throw new Error(`a worker used a profile that does not exist: ${name}`);
      const digest = known.get(name) ?? profileDigest(profile);
      known.set(name, digest);
      return digest;
    };
  };

  async function signIn({ worker, chunk, keyId, signer }: Place, rows: readonly number[]): Promise<Answer> {
    if (signer.portable) {
      worker.tell({ kind: 'install', keyId, key: signer.portable });
      return (await crew.perform({ kind: 'sign', chunk, rows, keyId }, [], RANK.finish, worker)).answer;
    }
    // A token's key stays where it is: the worker gives what is to be signed, and verifies what comes back.
    const { tbs: taken } = expect(
      (await crew.perform({ kind: 'take', chunk, rows }, [], RANK.finish, worker)).answer,
      'taken',
    );
    const signatures = pack(await Promise.all(unpack(taken).map((octets) => signer.sign(octets))));
    const task = { kind: 'finish', chunk, rows, taken, signatures } as const;
    return (await crew.perform(task, transferOf(taken), RANK.finish, worker)).answer;
  }

  async function prepare(order: PrepareOrder): Promise<PreparedChunk> {
    const chunk = chunks++;
    const { context, requests } = order;
    const { keyId } = context.issuer;
    // A key that is not there is refused here, before anything is recorded for it.
    const signer = await keystore.open(keyId);
    const sent = requests.filter((request): request is Sent => request.form !== 'refused');
    const task = taskFor(chunk, order, sent, random) as Extract<Task, { kind: 'prepare' }>;
    const rank = sent.length <= MOST_SINGLES ? RANK.single : RANK.lot;
    const transfer = [...transferOf(task.requests), task.serials.buffer as ArrayBuffer];
    const { answer, worker } = await crew.perform(task, transfer, rank);
    const { texts, digests } = expect(answer, 'prepared');
    const recipientDigest = recipientDigestOf(context);
    const prepared = unpackRows(texts, digests, {
      issuerId: context.issuer.id,
      profileDigest: digestFor(context),
      recipientDigest,
      renews: context.renews ?? null,
    });
    const { rows, places } = inPlace(requests, prepared);
    // With its last row signed, or with none that could be, the worker has let go of the chunk by itself.
    let left = prepared.filter((row) => 'intent' in row).length;
    return {
      rows,
      sign: async (wanted) => {
        const inWorker = wanted.map((index) => places[index] ?? -1);
        const signed = expect(await signIn({ worker, chunk, keyId, signer }, inWorker), 'signed');
        left -= wanted.length;
        return signedRows(signed, recipientDigest !== null);
      },
      release: () => {
        if (left > 0) worker.tell({ kind: 'release', chunk });
      },
    };
  }

  return { prepare, close: () => crew.close() };
}
