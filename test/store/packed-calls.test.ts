import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IntentVerdict } from '../../src/ca/index.ts';
import { answerOf, argumentsOf } from '../../src/store/packed-calls.ts';
import { packOctets, unpackOctets } from '../../src/store/packed-octets.ts';
import { actAt, completionOf, hex, sampleRow, sha256 } from './sample.ts';

/** What arrives on the other side of a thread. */
function sent(packing: ReturnType<typeof argumentsOf>, given: unknown): unknown {
  const { value, transfer } = packing.pack(given);
  return packing.unpack(structuredClone(value, { transfer: [...transfer] }));
}

/** The same with octets as arrays of numbers, whatever class holds them. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
};

test('octet strings come out as they went in, empty ones, too', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (list) => {
      expect(unpackOctets(packOctets(list)).map(hex)).toEqual(list.map(hex));
    }),
  );
});

const act = actAt();
const chunk = { act, runId: 'run', fleetId: 1, batchId: null };
const row = sampleRow({ deviceId: 'd\u00e9v-\ud800\0', issuerId: 3, labels: '{"a":"b"}', supersede: 'why' });
const madeFor = (recipientDigest: Uint8Array | null) =>
  sampleRow({ deviceId: 'm', issuerId: 3, made: { recipientDigest } });
const envelope = { octets: Buffer.from('sealed'), recipientDigest: sha256(Buffer.from('r')) };
const outcome = { row: 1, deviceId: '\0', status: 'refused', intentId: null, problem: null, warnings: ['w'] };

test.each([
  ['recordIntents', [{ ...chunk, rows: [row, sampleRow({ deviceId: 'b', issuerId: 3 })] }]],
  ['recordIntents', [{ ...chunk, rows: [] }]],
  ['recordIntents', [{ ...chunk, rows: [null, sha256(Buffer.from('r'))].map(madeFor) }]],
  ['recordIssued', [{ ...chunk, issued: [completionOf(row, 7), completionOf(row, 2 ** 40)] }]],
  ['recordIssued', [{ ...chunk, issued: [completionOf(row, 7), { ...completionOf(row, 8), envelope }] }]],
  ['recordOutcomes', [act, 'lot', 2, [outcome]]],
  ['findFleet', ['demo']],
] as const)('the arguments of %s arrive as they were given', (method, given) => {
  expect(plain(sent(argumentsOf(method), given))).toEqual(plain(given));
});

test('what is packed stays with the caller', () => {
  const shared = new Uint8Array(64).fill(7);
  sent(argumentsOf('recordIssued'), [
    { ...chunk, issued: [{ intentId: 1, der: shared.subarray(0, 40), fingerprint: shared.subarray(32) }] },
  ]);
  expect(shared.every((octet) => octet === 7)).toBe(true);
});

test('verdicts arrive in the order of their rows', () => {
  const pending: IntentVerdict = { verdict: 'pending', runId: 'run' };
  const refused: IntentVerdict = { verdict: 'refused', code: 'key-retired', message: 'm', facts: { n: 1 } };
  const recorded: IntentVerdict = { verdict: 'recorded', intentId: 2 ** 40 };
  const given = [pending, recorded, refused, recorded, pending];
  expect(sent(answerOf('recordIntents'), given)).toEqual(given);
});
