import { expect, test } from 'vitest';
import { openWriter } from '../../src/store/driver.ts';
import { intendedWithin, revokedWithin } from '../../src/store/expiries.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { newLine } from './line.ts';
import { NOON } from './sample.ts';
import { scratchDatabase } from './scratch.ts';

test.each([
  ['what ends', intendedWithin, 'INDEX intent_expiry (issuer_id=? AND not_after>? AND not_after<?)'],
  ['what was revoked', revokedWithin, 'PRIMARY KEY (issuer_id=?)'],
])('%s within a month is counted by an index', async (_, query, index) => {
  const file = scratchDatabase();
  const store = openStoreInProcess({ file, runId: 'run', at: NOON });
  const { root } = await newLine(store);
  await store.close(NOON);
  const connection = openWriter(file, () => undefined);
  const { sql, parameters } = query(root.id, 0, 1).compile();
  const plan = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as { detail: string }[];
  connection.close();
  const details = plan.map(({ detail }) => detail);
  expect(details.join('\n')).toContain(index);
  for (const detail of details) expect(detail).not.toMatch(/^SCAN /);
});
