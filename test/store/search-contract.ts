import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { CertificateSearch, IntentRow, Ledger, StoredCertificate } from '../../src/ca/index.ts';
import { type Given, type Line, newGeneration, newLine } from './line.ts';
import { actAt, completionOf, fresh, freshDigest, minutesAfter, NOON } from './sample.ts';
import { searchOf } from './searches.ts';

/** Everything that is found, page by page. */
async function find(
  store: Ledger,
  search: CertificateSearch,
  limit = 3,
): Promise<readonly StoredCertificate[]> {
  const found: StoredCertificate[] = [];
  let next: number | null = 0;
  while (next !== null) {
    const page = await store.searchCertificates(search, next, limit);
    expect(page.certificates.length).toBeLessThanOrEqual(limit);
    if (page.next !== null) expect(page.next).not.toBe(next);
    found.push(...page.certificates);
    next = page.next;
  }
  return found;
}

const namesOf = (found: readonly StoredCertificate[]): readonly string[] =>
  found.map(({ deviceId }) => deviceId);

export function searchContract(given: Given): void {
  const findNames = async (line: Line, wish: Partial<CertificateSearch>, limit?: number) =>
    namesOf(await find(given.store, searchOf(line.fleet.id, wish), limit));

  /** Rows of one chunk, issued by a token, in a batch. */
  async function issueAs(
    line: Line,
    rows: readonly IntentRow[],
    { batchId = null, tokenId = 'a'.repeat(16) }: { batchId?: string | null; tokenId?: string } = {},
  ): Promise<void> {
    const { store } = given;
    const act = { at: NOON, actor: { kind: 'token', id: tokenId, role: 'station' } } as const;
    const chunk = { act, runId: store.runId, fleetId: line.fleet.id, batchId };
    const verdicts = await store.recordIntents({ ...chunk, rows });
    const issued = rows.map((row, i) => {
      const verdict = verdicts[i];
      return completionOf(row, verdict?.verdict === 'recorded' ? verdict.intentId : 0);
    });
    await store.recordIssued({ ...chunk, issued });
  }

  test.each([1, 2, 3, 7, 8, 100])(
    'a fleet is paged through in order of intents, %d at a time',
    async (limit) => {
      const [line, other] = [await newLine(given.store), await newLine(given.store)];
      await issueAs(line, [line.row('d-1'), line.row('d-2'), line.row('d-3')]);
      await issueAs(other, [other.row('x-1')]);
      // Intended, and never completed.
      await line.record([line.row('open-1'), line.row('open-2')]);
      await issueAs(line, [line.row('d-4')]);
      await issueAs(line, [line.row('d-5'), line.row('d-6'), line.row('d-7')]);
      expect(await findNames(line, {}, limit)).toEqual(['d-1', 'd-2', 'd-3', 'd-4', 'd-5', 'd-6', 'd-7']);
    },
  );

  test('a page gives certificates as they are found one by one', async () => {
    const line = await newLine(given.store);
    const certificate = await line.issue(line.row('dev-1', { labels: '{"a":"b"}' }));
    expect(await find(given.store, searchOf(line.fleet.id))).toEqual([certificate]);
    expect(certificate.tokenId).toBe(actAt().actor.id);
  });

  test('by device, serial and key, in their fleet alone', async () => {
    const [line, other] = [await newLine(given.store), await newLine(given.store)];
    const row = line.row('dev-1');
    await issueAs(line, [row, line.row('dev-2')]);
    await line.issue(line.row('dev-1', { supersede: 'new board' }));
    await issueAs(other, [other.row('dev-1')]);
    expect(await findNames(line, { deviceId: 'dev-1' }, 1)).toEqual(['dev-1', 'dev-1']);
    expect(await findNames(line, { deviceId: 'DEV-1' })).toEqual([]);
    expect(await findNames(line, { deviceId: 'dev-9' })).toEqual([]);
    expect(await findNames(line, { serial: row.serial })).toEqual(['dev-1']);
    expect(await findNames(other, { serial: row.serial })).toEqual([]);
    expect(await findNames(line, { keyDigest: row.keyDigest })).toEqual(['dev-1']);
    expect(await findNames(other, { keyDigest: row.keyDigest })).toEqual([]);
    expect(await findNames(line, { keyDigest: freshDigest() })).toEqual([]);
    expect(await findNames(line, { deviceId: 'dev-2', serial: row.serial })).toEqual([]);
  });

  test('by key also what was issued before it was released to another device', async () => {
    const line = await newLine(given.store);
    const row = line.row('dev-1');
    const { keyDigest } = row;
    await line.issue(row);
    for (const next of ['dev-2', 'dev-3']) {
      await given.store.releaseKey(actAt(), line.fleet.id, keyDigest, 'moved');
      expect(await given.store.findDeviceOfKey(line.fleet.id, keyDigest)).toBeUndefined();
      await line.issue(line.row(next, { keyDigest }));
    }
    expect(await findNames(line, { keyDigest }, 1)).toEqual(['dev-1', 'dev-2', 'dev-3']);
    const owner = await given.store.findDeviceOfKey(line.fleet.id, keyDigest);
    expect(owner).toEqual(await given.store.findDevice(line.fleet.id, 'dev-3'));
  });

  test('by batch and by station', async () => {
    const [line, other] = [await newLine(given.store), await newLine(given.store)];
    const [batchId, tokenId] = [fresh('lot'), randomBytes(8).toString('hex')];
    await issueAs(line, [line.row('a-1'), line.row('a-2')], { batchId });
    await issueAs(line, [line.row('b-1'), line.row('b-2')], { batchId, tokenId });
    await issueAs(line, [line.row('c-1')], { tokenId });
    await issueAs(other, [other.row('x-1')], { tokenId });
    expect(await findNames(line, { batchId })).toEqual(['a-1', 'a-2', 'b-1', 'b-2']);
    expect(await findNames(other, { batchId })).toEqual([]);
    expect(await findNames(line, { tokenId })).toEqual(['b-1', 'b-2', 'c-1']);
    expect(await findNames(line, { batchId, tokenId }, 1)).toEqual(['b-1', 'b-2']);
  });

  test('by label: this name with this value', async () => {
    const [line, other] = [await newLine(given.store), await newLine(given.store)];
    await issueAs(line, [
      line.row('a', { labels: '{"line":"7","lot":"x"}' }),
      line.row('b', { labels: '{"line":"8"}' }),
      line.row('c'),
      line.row('d', { labels: '{"line":"7"}' }),
    ]);
    await issueAs(other, [other.row('x', { labels: '{"line":"7"}' })]);
    const label = (name: string, value: string) => findNames(line, { label: { name, value } }, 1);
    expect(await label('line', '7')).toEqual(['a', 'd']);
    expect(await label('lot', 'x')).toEqual(['a']);
    expect(await label('lot', '7')).toEqual([]);
    expect(await label('Line', '7')).toEqual([]);
    expect(await findNames(line, { label: { name: 'line', value: '7' }, deviceId: 'd' })).toEqual(['d']);
  });

  test('by status: revoked before expired, that before superseded, that before active', async () => {
    const { store } = given;
    const line = await newLine(store);
    const ended = { notAfter: minutesAfter(-1) };
    for (const [id, wish] of [
      ['active', {}],
      ['expired', ended],
      ['revoked', {}],
      ['revoked-expired', ended],
      ['superseded', {}],
      ['at-its-end', { notAfter: NOON }],
    ] as const) {
      const certificate = await line.issue(line.row(id, wish));
      if (id.startsWith('revoked'))
        await store.markRevoked(actAt(), certificate.fingerprint, 'keyCompromise');
    }
    await line.issue(line.row('superseded', { supersede: 'new board' }));
    expect(await findNames(line, { status: 'active' }, 1)).toEqual(['active', 'superseded']);
    expect(await findNames(line, { status: 'expired' }, 1)).toEqual(['expired', 'at-its-end']);
    expect(await findNames(line, { status: 'revoked' }, 1)).toEqual(['revoked', 'revoked-expired']);
    expect(await findNames(line, { status: 'superseded' }, 1)).toEqual(['superseded']);
    const [old] = await find(store, searchOf(line.fleet.id, { status: 'superseded' }));
    expect(old?.supersededAt).not.toBeNull();
  });

  test.each([1, 2, 5, 100])(
    'by expiry, the earliest first, over all issuers, %d at a time',
    async (limit) => {
      const { store } = given;
      const [line, other] = [await newLine(store), await newLine(store)];
      const second = await newGeneration(store, line.fleet, {
        authority: 'line-7',
        kind: 'issuing',
        issuerId: line.root.id,
      });
      const ending = (minutes: number) => ({ notAfter: minutesAfter(minutes) });
      await issueAs(line, [
        line.row('in-30', ending(30)),
        line.row('in-10', ending(10)),
        line.row('in-20-other', { ...ending(20), issuerId: second.id }),
        line.row('in-20', ending(20)),
        line.row('over', ending(-10)),
        line.row('in-20-again', ending(20)),
        line.row('in-60', ending(60)),
      ]);
      await issueAs(other, [other.row('x', ending(15))]);
      const expiringBefore = minutesAfter(60);
      const live = ['in-10', 'in-20-other', 'in-20', 'in-20-again', 'in-30'];
      expect(await findNames(line, { expiringBefore }, limit)).toEqual(['over', ...live]);
      expect(await findNames(line, { expiringBefore, status: 'active' }, limit)).toEqual(live);
      expect(await findNames(line, { expiringBefore, status: 'expired' }, limit)).toEqual(['over']);
      expect(await findNames(line, { expiringBefore: minutesAfter(10) }, limit)).toEqual(['over']);
    },
  );

  test('what little fits among many candidates is found, if not on the first page', async () => {
    const line = await newLine(given.store);
    const tokenId = randomBytes(8).toString('hex');
    for (let i = 0; i < 11; i++) {
      const rows = Array.from({ length: 100 }, (_, n) => line.row(`many-${i}-${n}`));
      await issueAs(line, rows, { tokenId });
    }
    await issueAs(line, [line.row('last', { notAfter: minutesAfter(-1) })], { tokenId });
    const search = searchOf(line.fleet.id, { tokenId, status: 'active', deviceId: null });
    expect(await find(given.store, search, 500)).toHaveLength(1100);
    const expired = searchOf(line.fleet.id, { batchId: null, tokenId, status: 'expired' });
    expect(namesOf(await find(given.store, expired))).toEqual(['last']);
  });
}
