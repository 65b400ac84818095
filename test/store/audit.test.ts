import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldDeviceId } from '../../src/policy/index.ts';
import { type AuditBody, auditHash, rowsDigest } from '../../src/store/audit.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { newLine } from './line.ts';
import { hex, NOON } from './sample.ts';

/** Fields of one kind: which kind stands where is fixed by the entry's action. */
const field = fc.option(fc.uint8Array({ maxLength: 6 }));
const rows = fc.array(fc.array(field, { maxLength: 4 }), { maxLength: 4 });
const spelled = (value: readonly (readonly (Uint8Array | null)[])[]): string =>
  JSON.stringify(value.map((row) => row.map((f) => f && hex(f))));

test('rows that differ digest otherwise, however their octets are cut', () => {
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      expect(rowsDigest(a) === rowsDigest(b)).toBe(spelled(a) === spelled(b));
    }),
  );
});

test('octets that move over a border between fields or rows change the digest', () => {
  const cut = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.nat(), fc.nat());
  fc.assert(
    fc.property(cut, ([octets, i, j]) => {
      const [at, other] = [i % (octets.length + 1), j % (octets.length + 1)];
      const fields = (place: number) => [octets.subarray(0, place), octets.subarray(place)];
      expect(rowsDigest([fields(at)]) === rowsDigest([fields(other)])).toBe(at === other);
      expect(rowsDigest([fields(at)])).not.toBe(rowsDigest(fields(at).map((part) => [part])));
    }),
  );
});

test('nothing, an empty text and null are three things', () => {
  expect(new Set([rowsDigest([]), rowsDigest([[]]), rowsDigest([['']]), rowsDigest([[null]])]).size).toBe(4);
});

const body: fc.Arbitrary<AuditBody> = fc.record({
  seq: fc.nat(),
  at: fc.string(),
  actor: fc.record({
    kind: fc.constantFrom('token' as const, 'service' as const, 'operator' as const),
    id: fc.string(),
    role: fc.string(),
  }),
  action: fc.string(),
  fleet: fc.option(fc.string()),
  details: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean()), {
    noNullPrototype: true,
  }),
});
const previous = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('the hash of an entry is the same after a round through JSON, whatever the order of its keys', () => {
  fc.assert(
    fc.property(previous, body, (before, entry) => {
      const stored = JSON.parse(JSON.stringify(entry)) as AuditBody;
      const turned = Object.fromEntries(Object.entries(stored).reverse()) as unknown as AuditBody;
      expect(auditHash(before, turned)).toEqual(auditHash(before, entry));
    }),
  );
});

test('the hash of an entry changes with every part of it, and with the one before', () => {
  fc.assert(
    fc.property(previous, body, (before, entry) => {
      const { actor } = entry;
      const changed: AuditBody[] = [
        { ...entry, seq: entry.seq + 1 },
        { ...entry, at: `${entry.at}.` },
        { ...entry, actor: { ...actor, id: `${actor.id}.` } },
        { ...entry, actor: { ...actor, role: `${actor.role}.` } },
        { ...entry, action: `${entry.action}.` },
        { ...entry, fleet: entry.fleet === null ? '' : null },
        { ...entry, details: { ...entry.details, more: [1] } },
      ];
      const hashes = [entry, ...changed].map((one) => hex(auditHash(before, one)));
      const moved = before.map((octet, i) => (i === 0 ? octet ^ 1 : octet));
      expect(new Set([...hashes, hex(auditHash(moved, entry))]).size).toBe(changed.length + 2);
    }),
  );
});

test('of two IDs that fold to one, the second is a twin, and no other is', { timeout: 60_000 }, async () => {
  const store = openStoreInProcess({ file: ':memory:', runId: 'run', at: NOON });
  const id = fc.string({
    unit: fc.constantFrom('a', 'A', '1', '\uff11', '\u00df', 'ss', '\ufb01'),
    minLength: 1,
    maxLength: 3,
  });
  await fc.assert(
    fc.asyncProperty(id, id, async (first, second) => {
      const line = await newLine(store);
      const [, verdict] = await line.record([line.row(first), line.row(second)]);
      const same = foldDeviceId(first) === foldDeviceId(second);
      const twin = same ? 'device-id-twin' : 'recorded';
      const said = verdict && ('code' in verdict ? verdict.code : verdict.verdict);
      expect(said).toBe(first === second ? 'pending' : twin);
    }),
    { numRuns: 60 },
  );
  await store.close(NOON);
});
