import { expect, test } from 'vitest';
import type { CertificateSearch } from '../../src/ca/index.ts';
import { openWriter } from '../../src/store/driver.ts';
import { searchCertificates } from '../../src/store/inventory.ts';
import { Session } from '../../src/store/session.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { newLine } from './line.ts';
import { completionOf, NOON } from './sample.ts';
import { scratchDatabase } from './scratch.ts';
import { SEARCHES, searchOf } from './searches.ts';

/** How SQLite would answer each of the statements of a search: what it does with each table. */
async function plansOf(wish: Partial<CertificateSearch>): Promise<readonly string[]> {
  const file = scratchDatabase();
  const store = openStoreInProcess({ file, runId: 'run', at: NOON });
  const line = await newLine(store);
  const row = line.row('dev-1', { labels: '{"line":"7"}' });
  const intentId = await line.intend(row);
  await line.complete(row, intentId);
  await store.markRevoked(
    { at: NOON, actor: { kind: 'service', id: 'x', role: 'x' } },
    completionOf(row, 0).fingerprint,
    'unspecified',
  );
  await store.close(NOON);
  const connection = openWriter(file, () => undefined);
  const session = new Session(connection);
  const plans: string[] = [];
  // After a cursor, which has a place of its own to be looked up.
  const asking = searchCertificates('sqlite', searchOf(line.fleet.id, wish), 1, 10);
  for (let step = asking.next([]); !step.done; step = asking.next(session.all(step.value))) {
    const { sql, parameters } = step.value.compile();
    const rows = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as { detail: string }[];
    for (const { detail } of rows) plans.push(detail);
  }
  connection.close();
  return plans;
}

test.each(SEARCHES)(
  'a search by %s reads no table from its begin, and sorts none',
  async (what, wish, index) => {
    const plans = await plansOf(wish);
    expect(plans.join('\n')).toContain(index);
    for (const plan of plans) {
      // A serial number is found once for each authority, if at all.
      if (what !== 'serial') expect(plan).not.toMatch(/TEMP B-TREE/);
      // A partial index is read from the cursor on; authorities are few.
      expect(plan).not.toMatch(/^SCAN (?!generation|g\b)/);
    }
  },
);
