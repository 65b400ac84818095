import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { type TokenRecord, UNBOUND } from '../../src/enrollment/index.ts';
import { entriesOf, type Given, rejection } from './line.ts';
import { actAt, freshDigest, hex, minutesAfter } from './sample.ts';

const token = (wish: Partial<TokenRecord> = {}): TokenRecord => ({
  id: randomBytes(8).toString('hex'),
  name: 'line 7',
  role: 'station',
  rights: ['supersede'],
  fleet: 'demo',
  bounds: UNBOUND,
  secretHash: freshDigest(),
  createdAt: actAt().at,
  expiresAt: minutesAfter(1000),
  revokedAt: null,
  ...wish,
});

export function tokenContract(given: Given): void {
  test.each(['admin', 'security', 'station', 'auditor'] as const)(
    'a token of role %s is found as it was recorded',
    async (role) => {
      const record = token({ role, ...(role === 'station' ? {} : { fleet: null, rights: [] }) });
      await given.store.recordToken(actAt(), record);
      const found = await given.store.findToken(record.id);
      expect(found && { ...found, secretHash: hex(found.secretHash) }).toEqual({
        ...record,
        secretHash: hex(record.secretHash),
        spent: { total: 0, hour: null },
      });
    },
  );

  test('a token that does not exist is not found', async () => {
    expect(await given.store.findToken('0000000000000000')).toBeUndefined();
  });

  test('an id that is taken rejects, and the first token stays', async () => {
    const first = token();
    await given.store.recordToken(actAt(), first);
    const entries = await entriesOf(given.store, async () => {
      const second = token({ id: first.id, role: 'admin', fleet: null });
      expect(await rejection(given.store.recordToken(actAt(), second))).toBeInstanceOf(Error);
    });
    expect(entries).toEqual([]);
    expect((await given.store.findToken(first.id))?.role).toBe('station');
  });

  test('tokens are listed in order of id, page by page', async () => {
    const ids = Array.from({ length: 5 }, () => `ffff${randomBytes(6).toString('hex')}`).sort();
    for (const id of [...ids].reverse()) await given.store.recordToken(actAt(), token({ id }));
    const listed: string[] = [];
    for (let after = ''; ; ) {
      const page = await given.store.listTokens(after, 2);
      listed.push(...page.map(({ id }) => id));
      const last = page.at(-1);
      if (!last) break;
      after = last.id;
    }
    expect(listed).toEqual([...listed].sort());
    expect(listed.filter((id) => ids.includes(id))).toEqual(ids);
  });

  test('a token is revoked once, and the first mark stays', async () => {
    const record = token();
    await given.store.recordToken(actAt(), record);
    const entries = await entriesOf(given.store, async () => {
      await given.store.revokeToken(actAt(1), record.id);
      await given.store.revokeToken(actAt(2), record.id);
    });
    expect(entries).toHaveLength(1);
    expect((await given.store.findToken(record.id))?.revokedAt).toEqual(minutesAfter(1));
  });

  test('revoking a token that does not exist is not-found', async () => {
    const entries = await entriesOf(given.store, async () => {
      const failure = await rejection(given.store.revokeToken(actAt(), '0000000000000000'));
      expect(failure).toMatchObject({ code: 'not-found' });
    });
    expect(entries).toEqual([]);
  });

  test('nothing in the log gives a secret or its hash away', async () => {
    const record = token();
    const entries = await entriesOf(given.store, async () => {
      await given.store.recordToken(actAt(), record);
      await given.store.revokeToken(actAt(), record.id);
    });
    expect(JSON.stringify(entries)).not.toContain(hex(record.secretHash));
  });
}
