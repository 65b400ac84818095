import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';
import { expect, test } from 'vitest';
import type { AuditEntry } from '../../src/ca/index.ts';
import { UNBOUND } from '../../src/enrollment/index.ts';
import { entriesOf, type Given, generationIntent, newFleet, newLine, wholeLog } from './line.ts';
import { actAt, certificateOf, fresh, freshDigest, minutesAfter } from './sample.ts';

const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

/** The chain as its port describes it, made again from nothing but the entries. */
function hashOf({ hash: _, previous, ...body }: AuditEntry): string {
  return createHash('sha256')
    .update(Buffer.from(previous, 'hex'))
    .update(canonicalize(body) ?? '')
    .digest('hex');
}

export function auditContract(given: Given): void {
  test('every command leaves one entry with who did it, when, and to which fleet', async () => {
    const { store } = given;
    const act = actAt(1);
    const name = fresh('fleet');
    const seen: string[] = [];
    const told = async <T>(fleet: string | null, command: () => Promise<T>): Promise<T> => {
      let answer: T | undefined;
      const entries = await entriesOf(store, async () => {
        answer = await command();
      });
      expect(entries).toHaveLength(1);
      expect(entries[0]).toMatchObject({ actor: act.actor, at: act.at.toISOString(), fleet });
      seen.push(entries[0]?.action ?? '');
      return answer as T;
    };
    const wish = { name, target: 'generic', gatewayUrl: null, gatewayRoot: null };
    const fleet = await told(name, () => store.createFleet(act, wish));
    const intent = generationIntent(fleet);
    const { generationId } = await told(name, () => store.recordGenerationIntent(act, store.runId, intent));
    await told(name, () =>
      store.recordGenerationIssued(act, store.runId, generationId, certificateOf(intent.serial), 'first'),
    );
    const other = await newFleet(store);
    await told(other.name, () => {
      const { tbsDigest: _, profileDigest: __, ...root } = generationIntent(other);
      const certificate = certificateOf(root.serial);
      return store.recordGenerationImported(act, { ...root, certificate, ceremony: null });
    });
    const line = await newLine(store);
    const [a, b] = [line.row('dev-a'), line.row('dev-b')];
    const [first, second] = await told(line.fleet.name, () => line.record([a, b], 1));
    const ids = [first, second].map((v) => (v?.verdict === 'recorded' ? v.intentId : 0));
    const certificate = await told(line.fleet.name, () => line.complete(a, ids[0] ?? 0, 1));
    await told(null, () => store.abandonIntents(act, store.runId, [ids[1] ?? 0]));
    await told(line.fleet.name, () => store.markRevoked(act, certificate.fingerprint, 'superseded'));
    await told(line.fleet.name, () => store.releaseKey(act, line.fleet.id, a.keyDigest, 'why'));
    const id = fresh('batch');
    const opening = { id, fleetId: line.fleet.id, tokenId: 'x', profile: null, authority: null };
    await told(line.fleet.name, () => store.openBatch(act, store.runId, opening));
    await told(line.fleet.name, () => store.recordOutcomes(act, id, 1, []));
    await told(line.fleet.name, () => store.closeAttempt(act, id, 1, 'complete'));
    const token = {
      id: fresh('t'),
      name: 'n',
      role: 'auditor',
      rights: [],
      fleet: null,
      bounds: UNBOUND,
      secretHash: freshDigest(),
      createdAt: act.at,
      expiresAt: minutesAfter(9),
      revokedAt: null,
    } as const;
    await told(null, () => store.recordToken(act, token));
    await told(null, () => store.revokeToken(act, token.id));
    await told(null, () => store.recordServiceAct(act, 'service-ca-created', { names: ['localhost'] }));
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('a chunk is one entry, whatever its length', async () => {
    const line = await newLine(given.store);
    const entries = await entriesOf(given.store, () =>
      line.record(Array.from({ length: 40 }, (_, i) => line.row(`dev-${i}`))),
    );
    expect(entries).toHaveLength(1);
    expect(entries[0]?.details).toMatchObject({ recorded: 40 });
  });

  test('entries are numbered without a gap, oldest first, each after the one before', async () => {
    await newFleet(given.store);
    const log = await wholeLog(given.store);
    const last = log.at(-1)?.seq ?? 0;
    expect(log.map(({ seq }) => seq)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    expect(log[0]?.previous).toBe('00'.repeat(32));
    expect(log.slice(1).map(({ previous }) => previous)).toEqual(log.slice(0, -1).map(({ hash }) => hash));
    expect(log.map(hashOf)).toEqual(log.map(({ hash }) => hash));
  });

  test('what the service did for itself is told in its own words', async () => {
    const details = { fingerprint: '00ff', names: ['localhost', '127.0.0.1'], days: 90 };
    const entries = await entriesOf(given.store, () =>
      given.store.recordServiceAct(actAt(), 'service-certificate-issued', details),
    );
    expect(entries).toMatchObject([{ action: 'service-certificate-issued', details }]);
  });

  test('the log is read in pages after a number', async () => {
    await newFleet(given.store);
    await newFleet(given.store);
    const last = (await wholeLog(given.store)).at(-1)?.seq ?? 0;
    expect((await given.store.listAudit(last - 2, 1)).map(({ seq }) => seq)).toEqual([last - 1]);
    expect(await given.store.listAudit(last, 10)).toEqual([]);
  });
}
