import type { RowOutcome } from '../batch/index.ts';
import type {
  Act,
  CompletionChunk,
  IntentChunk,
  IntentRow,
  IntentVerdict,
  KeptEnvelope,
} from '../ca/index.ts';
import { buffersOf, type PackedOctets, packOctets, unpackOctets } from './packed-octets.ts';

/** What goes over the wire, and the buffers that go with it and are the sender's no longer. */
export interface Packed {
  readonly value: unknown;
  readonly transfer: readonly ArrayBuffer[];
}

/**
 * How the arguments of a call, or its answer, cross between threads. A clone of many small objects costs
 * more than the work on them: texts go as one JSON text and octets as one buffer.
 */
interface Packing<Value> {
  pack(value: Value): Packed;
  unpack(packed: unknown): Value;
}

interface PackedIntents extends Omit<IntentChunk, 'rows'> {
  /** JSON; instants in milliseconds. */
  readonly rows: string;
  /** Profile digest, serial, key digest, TBS digest and recipient digest (empty for none) of each row. */
  readonly digests: PackedOctets;
}

const OCTETS_A_ROW = 5;
const NONE = new Uint8Array(0);

/** Empty stands for null: no digest and no envelope is empty. */
const filled = (octets: Uint8Array | undefined): Uint8Array | null => (octets?.length ? octets : null);

function readRows(text: string, octets: readonly Uint8Array[]): readonly IntentRow[] {
  type Plain = Omit<IntentRow, 'notBefore' | 'notAfter' | 'made'> & {
    notBefore: number;
    notAfter: number;
    made: boolean;
  };
  return (JSON.parse(text) as readonly Plain[]).map((row, i) => {
    const at = OCTETS_A_ROW * i;
    return {
      ...row,
      notBefore: new Date(row.notBefore),
      notAfter: new Date(row.notAfter),
      profileDigest: octets[at] ?? NONE,
      serial: octets[at + 1] ?? NONE,
      keyDigest: octets[at + 2] ?? NONE,
      tbsDigest: octets[at + 3] ?? NONE,
      made: row.made ? { recipientDigest: filled(octets[at + 4]) } : null,
    };
  });
}

const intents: Packing<readonly [IntentChunk]> = {
  pack([{ rows, ...chunk }]) {
    const digests = packOctets(
      rows.flatMap((row) => [
        row.profileDigest,
        row.serial,
        row.keyDigest,
        row.tbsDigest,
        row.made?.recipientDigest ?? NONE,
      ]),
    );
    const plain = rows.map(({ profileDigest: _, serial: __, keyDigest: ___, tbsDigest: ____, ...row }) => ({
      ...row,
      notBefore: row.notBefore.getTime(),
      notAfter: row.notAfter.getTime(),
      made: row.made !== null,
    }));
    const packed: PackedIntents = { ...chunk, rows: JSON.stringify(plain), digests };
    return { value: packed, transfer: buffersOf(digests) };
  },
  unpack(packed) {
    const { rows, digests, ...chunk } = packed as PackedIntents;
    return [{ ...chunk, rows: readRows(rows, unpackOctets(digests)) }];
  },
};

interface PackedCompletions extends Omit<CompletionChunk, 'issued'> {
  readonly intentIds: Float64Array<ArrayBuffer>;
  readonly ders: PackedOctets;
  readonly fingerprints: PackedOctets;
  /** Envelope and recipient digest of each, empty for none. */
  readonly envelopes: PackedOctets;
}

const envelopeOf = (
  octets: Uint8Array = NONE,
  recipientDigest: Uint8Array = NONE,
): { readonly envelope?: KeptEnvelope } =>
  octets.length === 0 ? {} : { envelope: { octets, recipientDigest } };

const completions: Packing<readonly [CompletionChunk]> = {
  pack([{ issued, ...chunk }]) {
    const intentIds = Float64Array.from(issued, ({ intentId }) => intentId);
    const ders = packOctets(issued.map(({ der }) => der));
    const fingerprints = packOctets(issued.map(({ fingerprint }) => fingerprint));
    const envelopes = packOctets(
      issued.flatMap(({ envelope }) => [envelope?.octets ?? NONE, envelope?.recipientDigest ?? NONE]),
    );
    const packed: PackedCompletions = { ...chunk, intentIds, ders, fingerprints, envelopes };
    const transfer = [ders, fingerprints, envelopes].flatMap(buffersOf);
    return { value: packed, transfer: [intentIds.buffer, ...transfer] };
  },
  unpack(packed) {
    const { intentIds, ders, fingerprints, envelopes, ...chunk } = packed as PackedCompletions;
    const prints = unpackOctets(fingerprints);
    const kept = unpackOctets(envelopes);
    const issued = unpackOctets(ders).map((der, i) => ({
      intentId: intentIds[i] ?? 0,
      der,
      fingerprint: prints[i] ?? NONE,
      ...envelopeOf(kept[2 * i], kept[2 * i + 1]),
    }));
    return [{ ...chunk, issued }];
  },
};

type OutcomeArguments = readonly [Act, string, number, readonly RowOutcome[]];

const outcomes: Packing<OutcomeArguments> = {
  pack: ([act, batchId, attempt, rows]) => ({
    value: [act, batchId, attempt, JSON.stringify(rows)],
    transfer: [],
  }),
  unpack(packed) {
    const [act, batchId, attempt, rows] = packed as readonly [Act, string, number, string];
    return [act, batchId, attempt, JSON.parse(rows)];
  },
};

interface PackedVerdicts {
  /** Of recorded rows, by row; 0 where another verdict stands, or one that says more. */
  readonly intentIds: Float64Array<ArrayBuffer>;
  readonly others: readonly IntentVerdict[];
}

const verdicts: Packing<readonly IntentVerdict[]> = {
  pack(value) {
    const intentIds = Float64Array.from(value, (v) =>
      v.verdict === 'recorded' && !v.keyElsewhere ? v.intentId : 0,
    );
    const others = value.filter((_, i) => intentIds[i] === 0);
    return { value: { intentIds, others }, transfer: [intentIds.buffer] };
  },
  unpack(packed) {
    const { intentIds, others } = packed as PackedVerdicts;
    const rest = others.values();
    return Array.from(intentIds, (intentId) =>
      intentId === 0 ? (rest.next().value as IntentVerdict) : { verdict: 'recorded', intentId },
    );
  },
};

const PLAIN: Packing<unknown> = { pack: (value) => ({ value, transfer: [] }), unpack: (value) => value };

/** Each packing is only ever asked with what its own call gives. */
const ARGUMENTS = new Map<string, unknown>([
  ['recordIntents', intents],
  ['recordIssued', completions],
  ['recordOutcomes', outcomes],
]) as ReadonlyMap<string, Packing<unknown>>;

const ANSWERS = new Map<string, unknown>([['recordIntents', verdicts]]) as ReadonlyMap<
  string,
  Packing<unknown>
>;

export const argumentsOf = (method: string): Packing<unknown> => ARGUMENTS.get(method) ?? PLAIN;
export const answerOf = (method: string): Packing<unknown> => ANSWERS.get(method) ?? PLAIN;
