import { createPrivateKey, type KeyObject } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import {
  type Bench,
  finishSigning,
  type Prepared,
  prepareRequest,
  type RequestInput,
  type SignedRow,
  setUpBench,
  wipeKeys,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { createPolicy, type Profile } from '../policy/index.ts';
import { systemRandom } from '../random.ts';
import { signOctets } from '../x509/index.ts';
import { makeDeviceKey } from './device-key.ts';
import {
  type Answer,
  type Notice,
  pack,
  packRefusal,
  packRows,
  type Task,
  transferOf,
  unpack,
  unpackContext,
} from './messages.ts';

export interface WorkerSettings {
  /** The operator's own profiles. */
  readonly profiles: readonly Profile[];
}

/** Contexts that a worker keeps what it worked out for; one is a fleet, a token and an issuer. */
const MOST_BENCHES = 256;
const SERIAL_OCTETS = 16;
const NOTHING = new Uint8Array();

type Prepare = Extract<Task, { kind: 'prepare' }>;

interface Chunk {
  readonly bench: Bench;
  readonly rows: readonly Prepared[];
  /** Rows that may still be signed. */
  left: number;
}

function createWorker({ profiles }: WorkerSettings) {
  const tools = { policy: createPolicy(profiles), random: systemRandom, makeKey: makeDeviceKey };
  const benches = new Map<string, Bench>();
  const keys = new Map<string, KeyObject>();
  const chunks = new Map<number, Chunk>();

  function benchFor(context: string): Bench {
    const bench = benches.get(context) ?? setUpBench(tools, unpackContext(context));
    // The one used last goes to the end; the one at the front has waited longest.
    benches.delete(context);
    benches.set(context, bench);
    const [oldest] = benches.keys();
    if (benches.size > MOST_BENCHES && oldest !== undefined) benches.delete(oldest);
    return bench;
  }

  function prepare({ chunk, context, requests, fields, serials, at }: Prepare): Answer {
    const bench = benchFor(context);
    const now = new Date(at);
    const rows = unpack(requests).map((octets, i) => {
      const text = fields[i] ?? null;
      const input: RequestInput =
        text === null ? { form: 'line', octets } : { form: 'request', octets, fields: text };
      const serial = serials.subarray(i * SERIAL_OCTETS, (i + 1) * SERIAL_OCTETS);
      return prepareRequest(bench, input, serial, now);
    });
    const left = rows.filter(({ tbs }) => tbs !== null).length;
    if (left > 0) chunks.set(chunk, { bench, rows, left });
    return { kind: 'prepared', ...packRows(rows) };
  }

  function chunkOf(id: number): Chunk {
    const chunk = chunks.get(id);
    if (!chunk) throw new Error(`there is no chunk ${id}`);
    return chunk;
  }

  function takeAll({ bench, rows }: Chunk, wanted: readonly number[]): readonly Uint8Array[] {
    return wanted.map((index) => {
      const octets = rows[index]?.tbs?.takeFor(bench.issuer.generationId);
      if (!octets) throw new Error('a row without a TBS was to be signed');
      return octets;
    });
  }

  function signedAnswer(signed: readonly SignedRow[]): Answer {
    const fingerprints = pack(signed.map(({ fingerprint }) => fingerprint)).octets;
    const keys = pack(signed.map(({ envelope, privateKey }) => envelope ?? privateKey ?? NOTHING));
    // What was packed is the parent's alone: it goes there by transfer.
    for (const { privateKey } of signed) privateKey?.fill(0);
    return { kind: 'signed', certificates: pack(signed.map(({ der }) => der)), fingerprints, keys };
  }

  function sign(id: number, wanted: readonly number[], keyId: string): Answer {
    const chunk = chunkOf(id);
    const key = keys.get(keyId);
    if (!key) throw new Error(`the key ${keyId} is not installed`);
    const { algorithm } = chunk.bench.issuer;
    return finishAll(id, wanted, takeAll(chunk, wanted), (octets) => signOctets(algorithm, key, octets));
  }

  function finish({ chunk, rows, taken, signatures }: Extract<Task, { kind: 'finish' }>): Answer {
    const values = unpack(signatures);
    return finishAll(chunk, rows, unpack(taken), (_, i) => values[i] ?? NOTHING);
  }

  /** A chunk whose last row is signed goes by itself: the parent spares a message for it. */
  function finishAll(
    id: number,
    wanted: readonly number[],
    tbs: readonly Uint8Array[],
    signatureOf: (octets: Uint8Array, i: number) => Uint8Array,
  ): Answer {
    const chunk = chunkOf(id);
    const fresh = tbs.map((octets, i) => ({
      tbs: octets,
      signature: signatureOf(octets, i),
      pkcs8: chunk.rows[wanted[i] ?? -1]?.pkcs8 ?? null,
    }));
    const signed = finishSigning(chunk.bench, fresh);
    chunk.left -= signed.length;
    if (chunk.left === 0) chunks.delete(id);
    return signedAnswer(signed);
  }

  function release(id: number): void {
    wipeKeys(chunks.get(id)?.rows ?? []);
    chunks.delete(id);
  }

  function perform(task: Task): Answer {
    switch (task.kind) {
      case 'prepare':
        return prepare(task);
      case 'sign':
        return sign(task.chunk, task.rows, task.keyId);
      case 'take':
        return { kind: 'taken', tbs: pack(takeAll(chunkOf(task.chunk), task.rows)) };
      case 'finish':
        return finish(task);
    }
  }

  return {
    perform,
    install: (keyId: string, key: KeyObject) => {
      // A key of its own: two threads that sign with one would wait for each other's locks.
      const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
      keys.set(keyId, createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
      pkcs8.fill(0);
    },
    release,
  };
}

const transfersOf = (answer: Answer): readonly ArrayBuffer[] => {
  switch (answer.kind) {
    case 'prepared':
      return [answer.digests.buffer as ArrayBuffer];
    case 'signed':
      return [
        ...transferOf(answer.certificates),
        answer.fingerprints.buffer as ArrayBuffer,
        ...transferOf(answer.keys),
      ];
    case 'taken':
      return transferOf(answer.tbs);
    default:
      return [];
  }
};

function answerFor(worker: ReturnType<typeof createWorker>, task: Task): Answer {
  try {
    return worker.perform(task);
  } catch (failure) {
    if (failure instanceof PkiError) return { kind: 'refused', refusal: packRefusal(failure) };
    const { message, stack } = failure instanceof Error ? failure : new Error(String(failure));
    return { kind: 'failed', message, stack: stack ?? '' };
  }
}

function host(port: NonNullable<typeof parentPort>): void {
  const worker = createWorker(workerData as WorkerSettings);
  port.on('message', (message: Task | Notice) => {
    if (message.kind === 'install') worker.install(message.keyId, message.key);
    else if (message.kind === 'release') worker.release(message.chunk);
    else {
      const answer = answerFor(worker, message);
      port.postMessage(answer, transfersOf(answer));
    }
  });
}

if (parentPort) host(parentPort);
