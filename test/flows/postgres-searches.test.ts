/** The counterpart of test/store/search-plans.test.ts, on tables that are large enough for a planner to care. */
import { createHash } from 'node:crypto';
import { createQueryId, PostgresQueryCompiler } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CertificateSearch } from '../../src/ca/index.ts';
import type { Query } from '../../src/store/asking.ts';
import { searchCertificates } from '../../src/store/inventory.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { PostgresSession } from '../../src/store/postgres/session.ts';
import { newClient } from '../../src/store/postgres/settings.ts';
import { type Line, newLine } from '../store/line.ts';
import { fresh, NOON } from '../store/sample.ts';
import { SEARCHES, searchOf } from '../store/searches.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const CHUNKS = 4_000;
const ROWS = 20;

/**
 * Chunks, intents and certificates of twenty fleets and fifty stations. Every tenth chunk has labels, one
 * certificate in 200 is revoked, one in 100 superseded, one in ten was seen. As a replica, so that no entry has to be there.
 */
const seed = ({ fleet, root }: Line, run: string): string => `
  SET session_replication_role = replica;
  INSERT INTO intent_chunk (id, kind, run_id, batch_id, actor_id, fleet_id, created_at, first_intent, last_intent, open, audit_seq)
    SELECT 1000 + c, 'device', '${run}', CASE WHEN c % 2 = 0 THEN 'lot-' || c / 200 END, 'station-' || c % 50,
      ${fleet.id} - c % 20, ${NOON.getTime()} + c, 100000 + c * ${ROWS}, 100000 + c * ${ROWS} + ${ROWS - 1}, 0, 1
    FROM generate_series(0, ${CHUNKS - 1}) AS c;
  INSERT INTO device (fleet_id, device_id, folded_id, created_at)
    SELECT ${fleet.id} - n / ${ROWS} % 20, 'd-' || n, 'd-' || n, 1 FROM generate_series(0, ${CHUNKS * ROWS - 1}) AS n;
  INSERT INTO intent (id, chunk_id, issuer_id, serial, device, profile_id, key_digest, tbs_digest, not_before, not_after, labels)
    SELECT 100000 + n, 1000 + n / ${ROWS}, ${root.id} - n / ${ROWS} % 20, decode(md5(n::text), 'hex'), d.id, 1,
      sha256(n::text::bytea), sha256(n::text::bytea), 1, ${NOON.getTime()} + (n - 1000)::bigint * 60000, NULL
    FROM generate_series(0, ${CHUNKS * ROWS - 1}) AS n JOIN device d ON d.device_id = 'd-' || n;
  INSERT INTO certificate (intent_id, fingerprint, issued_at, superseded_at, revoked_at, audit_seq, der)
    SELECT id, sha256(serial), 1, CASE WHEN id % 100 = 0 THEN 1 END, CASE WHEN id % 200 = 1 THEN 1 END, 1, serial FROM intent
    WHERE device IS NOT NULL;
  INSERT INTO sighting SELECT intent_id, 1, 1 FROM certificate WHERE intent_id % 10 = 0;
  INSERT INTO device_key SELECT d.fleet_id, i.key_digest, d.id FROM intent i JOIN device d ON d.id = i.device;
  INSERT INTO released_key SELECT key_digest, fleet_id, device FROM device_key WHERE device % 50 = 0;
  INSERT INTO intent_label SELECT k.fleet_id, 'line', (k.id / 10 % 20)::text, i.id
    FROM intent i JOIN intent_chunk k ON k.id = i.chunk_id WHERE k.id % 10 = 0;
  INSERT INTO slot SELECT i.device, 'device', i.id FROM intent i WHERE i.device IS NOT NULL;
  ANALYZE`;

describe.skipIf(isLeftOut('postgres'))('on a large ledger in PostgreSQL', () => {
  const compiler = new PostgresQueryCompiler();
  let server: PostgresServer;
  let line: Line;
  let client: ReturnType<typeof newClient> | undefined;

  beforeAll(async () => {
    server = await startPostgres();
    const url = await server.newDatabase();
    const store = await openPostgresStore({ url, runId: fresh('run'), at: NOON });
    await newLine(store);
    line = await newLine(store);
    await store.close(NOON);
    await server.administer(seed(line, store.runId), url);
    client = newClient(url, 'test plans', () => undefined);
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  /** How PostgreSQL answers each of the statements of a search, a line a step. */
  async function plansOf(wish: Partial<CertificateSearch>): Promise<readonly string[]> {
    const session = new PostgresSession(client as never, 'fresh');
    const explain = async (query: Query<unknown>): Promise<readonly string[]> => {
      const { sql, parameters } = compiler.compileQuery(query.toOperationNode() as never, createQueryId());
      const steps = await session.rows<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, ...parameters);
      return steps.map((step) => step['QUERY PLAN'].trim());
    };
    const plans: string[] = [];
    // After a cursor, which has a place of its own to be looked up.
    const asking = searchCertificates('postgres', searchOf(line.fleet.id, wish), 100_050, 10);
    for (let step = asking.next([]); !step.done; step = asking.next(await session.all(step.value))) {
      plans.push(...(await explain(step.value)));
    }
    return plans;
  }

  /** What is asked for is there, in the seed's words. */
  const there: Readonly<Record<string, Partial<CertificateSearch>>> = {
    device: { deviceId: 'd-8001' },
    key: { keyDigest: createHash('sha256').update('8001').digest() },
    batch: { batchId: 'lot-0' },
    station: { tokenId: 'station-1' },
    expiry: { expiringBefore: new Date(NOON.getTime() + 24 * 60 * 60_000) },
  };

  test.each(SEARCHES)(
    'a search by %s reads no table from its begin, and sorts none',
    async (what, wish, _, index) => {
      const plans = await plansOf(there[what] ?? wish);
      expect(plans.join('\n')).toContain(index);
      for (const plan of plans) {
        // Authorities, fleets and versions of profiles are few.
        expect(plan).not.toMatch(/Seq Scan on (?!generation|fleet|profile_version)/);
        // A serial number is found once for each authority, if at all.
        if (what !== 'serial') expect(plan).not.toMatch(/^(->\s*)?(Incremental )?Sort/);
      }
    },
  );
});
