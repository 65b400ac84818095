import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { UNBOUND } from '../../src/enrollment/index.ts';
import { PkiError } from '../../src/errors.ts';
import { openPostgresStore, verifyPostgresLedger } from '../../src/store/index.ts';
import { describeStore } from '../store/contract.ts';
import { generationIntent, newFleet, newLine, rejection, wholeLog } from '../store/line.ts';
import { actAt, fresh, freshDigest, minutesAfter, NOON } from '../store/sample.ts';
import { touchedRowsContract } from '../store/touched-rows-contract.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

/** "fca1": the first number of our locks; the second of the one that writers take is 2. */
const LOCKS = 0x66636131;

describe.skipIf(isLeftOut('postgres'))('PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());

  const open = (url: string, at = NOON) => openPostgresStore({ url, runId: fresh('run'), at });
  const opened = async (url: string) => {
    const store = await open(url);
    onTestFinished(() => store.close(NOON));
    return store;
  };
  const codes = (verdicts: readonly { verdict: string }[]): readonly string[] =>
    verdicts.map((v) => ('code' in v ? String(v.code) : v.verdict));
  /** Ends connections of a database by the names they go by. */
  const terminate = (url: string, name: string) =>
    server.administer(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '${name}%' AND datname = current_database()`,
      url,
    );

  describe('the contract', () => {
    let url = '';
    describeStore('PostgreSQL', async (run) => {
      url = await server.newDatabase();
      return openPostgresStore({ ...run, url });
    });

    test('after all that, the ledger and its log agree', async () => {
      const { ok, problems, certificates } = await verifyPostgresLedger(url);
      expect(problems).toEqual([]);
      expect(ok).toBe(true);
      expect(certificates).toBeGreaterThan(100);
    });
  });

  touchedRowsContract(async (fill) => {
    const url = await server.newDatabase();
    const store = await open(url);
    await fill(store);
    await store.close(NOON);
    return {
      verifyTouched: async (sql) => {
        const copy = await server.copyDatabase(url);
        await server.administer(sql, copy);
        return verifyPostgresLedger(copy);
      },
    };
  });

  describe('at the start', () => {
    test.each([
      ['fsync', 'off'],
      ['full_page_writes', 'off'],
      ['synchronous_commit', 'off'],
    ])('a server with %s = %s is refused, and nothing is made', async (setting, value) => {
      const url = await server.newDatabase();
      const reset = await server.configure(setting, value);
      try {
        const failure = await rejection(open(url));
        expect(failure).toMatchObject({ code: 'storage-unavailable' });
        expect(String(failure)).toContain(setting);
      } finally {
        await reset();
      }
      expect(await server.administer("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", url)).toEqual([]);
      await (await open(url)).close(NOON);
    });

    test('a role that commits without a sync is refused; one that does so later syncs all the same', async () => {
      const url = await server.newDatabase();
      const role = new URL(url).username;
      await server.administer(`ALTER ROLE ${role} SET synchronous_commit = off`);
      expect(await rejection(open(url))).toMatchObject({ code: 'storage-unavailable' });
      await server.administer(`ALTER ROLE ${role} RESET synchronous_commit`);
      await opened(url);
    });

    test('a schema of a newer program is refused, and stays as it is', async () => {
      const url = await server.newDatabase();
      await (await open(url)).close(NOON);
      const entries = await server.administer('SELECT seq FROM audit', url);
      await server.administer('UPDATE schema_version SET version = version + 1', url);
      expect(await rejection(open(url))).toMatchObject({ code: 'storage-unavailable' });
      expect(await server.administer('SELECT seq FROM audit', url)).toEqual(entries);
      await server.administer('UPDATE schema_version SET version = version - 1', url);
      await (await open(url)).close(NOON);
    });

    test.each([
      ['tables', 'CREATE TABLE theirs (id integer)'],
      ['a schema_version of its own', 'CREATE TABLE schema_version (version integer, script text)'],
    ])('a database of another program, with %s, is refused', async (_, sql) => {
      const url = await server.newDatabase();
      await server.administer(sql, url);
      expect(await rejection(open(url))).toMatchObject({ code: 'storage-unavailable' });
      const tables = await server.administer("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", url);
      expect(tables).toHaveLength(1);
    });

    test('an empty database is refused where a ledger is expected', async () => {
      const url = await server.newDatabase();
      const wish = { url, runId: fresh('run'), at: NOON, whenEmpty: 'refuse' } as const;
      expect(await rejection(openPostgresStore(wish))).toMatchObject({ code: 'storage-unavailable' });
      expect(await rejection(verifyPostgresLedger(url))).toMatchObject({ code: 'storage-unavailable' });
    });

    test('a second service on one database is refused as busy, until the first is closed', async () => {
      const url = await server.newDatabase();
      const first = await open(url);
      expect(await rejection(open(url))).toMatchObject({ code: 'busy' });
      await first.close(NOON);
      await (await open(url)).close(NOON);
    });

    test('what a service that was killed left open is settled, and its lock is free', async () => {
      const url = await server.newDatabase();
      const proxy = await startCuttingProxy(server.port);
      const through = new URL(url);
      through.port = String(proxy.port);
      const killed = await open(through.href);
      const line = await newLine(killed);
      const issued = line.row('dev-0');
      await line.issue(issued);
      const row = line.row('dev-1');
      await line.intend(row);
      await killed.recordGenerationIntent(actAt(), killed.runId, generationIntent(await newFleet(killed)));
      const opening = {
        id: fresh('lot'),
        fleetId: line.fleet.id,
        tokenId: 'x',
        profile: null,
        authority: null,
      };
      await killed.openBatch(actAt(), killed.runId, opening);
      await proxy.close();
      await terminate(url, 'fleetca');

      const next = await opened(url);
      expect(next.abandoned).toBe(2);
      expect((await next.findBatch(opening.id))?.attempts).toMatchObject([{ state: 'interrupted' }]);
      const chunk = { act: actAt(), runId: next.runId, fleetId: line.fleet.id, batchId: null };
      const again = line.row('dev-1', { keyDigest: row.keyDigest });
      expect(codes(await next.recordIntents({ ...chunk, rows: [again] }))).toEqual(['recorded']);
      expect(await verifyPostgresLedger(url)).toMatchObject({ ok: true, open: 1, abandoned: 2 });
      await killed.close(NOON);
    });

    test.each([
      ['the password', (url: URL) => Object.assign(url, { password: 'other-secret' })],
      ['the host', (url: URL) => Object.assign(url, { port: '1' })],
      ['the database', (url: URL) => Object.assign(url, { pathname: '/nowhere' })],
    ])('where %s is wrong, that is storage-unavailable, and no secret is told', async (_, wrong) => {
      const url = wrong(new URL(await server.newDatabase()));
      const failure = await rejection(open(url.href));
      expect(failure).toMatchObject({ code: 'storage-unavailable' });
      expect(JSON.stringify(failure) + String(failure)).not.toContain(url.password);
    });

    test('a URL that cannot be read is refused without being quoted', async () => {
      for (const url of ['postgres://a:se%cret@[::1', 'mysql://a:se%cret@host/x', 'se%cret']) {
        const failure = await rejection(open(url));
        expect(failure).toMatchObject({ code: 'storage-unavailable' });
        expect((failure as Error).cause).toBeUndefined();
        expect(JSON.stringify(failure) + String(failure)).not.toContain('se%cret');
      }
    });
  });

  describe('many at once', () => {
    test('two hundred single requests are recorded once each, and share commits', async () => {
      const url = await server.newDatabase();
      const store = await opened(url);
      const line = await newLine(store);
      const rows = Array.from({ length: 200 }, (_, i) => line.row(`dev-${i}`));
      const verdicts = (await Promise.all(rows.map((row) => line.record([row])))).flat();
      expect(codes(verdicts)).toEqual(rows.map(() => 'recorded'));
      const ids = verdicts.map((v) => (v.verdict === 'recorded' ? v.intentId : 0));
      expect(new Set(ids).size).toBe(200);
      await Promise.all(rows.map((row, i) => line.complete(row, ids[i] ?? 0)));
      expect(await verifyPostgresLedger(url)).toMatchObject({ ok: true, open: 0, certificates: 201 });
    });

    test('of two chunks with the same devices in flight, each device is recorded once', async () => {
      const url = await server.newDatabase();
      const line = await newLine(await opened(url));
      const rows = Array.from({ length: 500 }, (_, i) => line.row(`dev-${i}`));
      const again = rows.map(({ deviceId, keyDigest }) => line.row(deviceId, { keyDigest }));
      const [one, other] = await Promise.all([line.record(rows), line.record(again.reverse())]);
      expect(codes(one ?? [])).toEqual(rows.map(() => 'recorded'));
      expect(codes(other ?? [])).toEqual(rows.map(() => 'pending'));
      expect(await verifyPostgresLedger(url)).toMatchObject({ ok: true, open: 500 });
    });

    test('a command that fails among others undoes itself alone', async () => {
      const url = await server.newDatabase();
      const store = await opened(url);
      const line = await newLine(store);
      const taken = line.row('dev-0');
      await line.issue(taken);
      const answers = await Promise.allSettled([
        line.record([line.row('dev-1')]),
        line.record([line.row('dev-2'), line.row('dev-3', { serial: taken.serial })]),
        newFleet(store, line.fleet.name),
        line.record([line.row('dev-4')]),
      ]);
      expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
      const devices = await store.listDevices(line.fleet.id, '', 10);
      expect(devices.map(({ deviceId }) => deviceId)).toEqual(['dev-0', 'dev-1', 'dev-4']);
      expect(await verifyPostgresLedger(url)).toMatchObject({ ok: true, open: 2 });
    });
  });

  describe('when the connection breaks', () => {
    test('a command that was under way is storage-unavailable, and the next one passes', async () => {
      const url = await server.newDatabase();
      const store = await opened(url);
      const line = await newLine(store);
      const row = line.row('dev-1');
      const hold = server.administer(`SELECT pg_advisory_lock(${LOCKS}, 2), pg_sleep(2)`, url);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const waiting = rejection(line.record([row]));
      await new Promise((resolve) => setTimeout(resolve, 500));
      await terminate(url, 'fleetca writer');
      expect(await waiting).toMatchObject({ code: 'storage-unavailable' });
      await hold;
      await line.issue(row);
      expect(await verifyPostgresLedger(url)).toMatchObject({ ok: true, certificates: 2, abandoned: 0 });
    });

    test('connections that break while nobody uses them are made again', async () => {
      const url = await server.newDatabase();
      const store = await opened(url);
      const line = await newLine(store);
      await terminate(url, 'fleetca');
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await store.findFleet(line.fleet.name)).toEqual(line.fleet);
      await line.issue(line.row('dev-1'));
    });

    test.each(['before', 'after'] as const)(
      'a commit that was cut off %s the server heard it is a failure, and its slots are free again',
      async (when) => {
        const url = await server.newDatabase();
        const proxy = await startCuttingProxy(server.port);
        onTestFinished(() => proxy.close());
        const through = new URL(url);
        through.port = String(proxy.port);
        const store = await opened(through.href);
        const line = await newLine(store);
        const [row, generation] = [line.row('dev-1'), generationIntent(await newFleet(store))];
        const opening = {
          id: fresh('lot'),
          fleetId: line.fleet.id,
          tokenId: 'x',
          profile: null,
          authority: null,
        };
        proxy.cutAt('COMMIT\0', when);
        const failures = await Promise.all([
          rejection(line.record([row])),
          rejection(store.recordGenerationIntent(actAt(), store.runId, generation)),
          rejection(store.openBatch(actAt(), store.runId, opening)),
        ]);
        for (const failure of failures) {
          expect(failure).toBeInstanceOf(PkiError);
          expect(failure).toMatchObject({ code: 'storage-unavailable' });
        }

        const again = line.row('dev-1', { keyDigest: row.keyDigest });
        expect(codes(await line.record([again]))).toEqual(['recorded']);
        const committed = when === 'after' ? 2 : 0;
        expect(await verifyPostgresLedger(url)).toMatchObject({ ok: true, open: 1, abandoned: committed });
        const attempts = (await store.findBatch(opening.id))?.attempts.map(({ state }) => state);
        expect(attempts).toEqual(when === 'after' ? ['interrupted'] : undefined);
      },
    );

    test('a certificate whose commit was cut off is replayed if it was recorded', async () => {
      const url = await server.newDatabase();
      const proxy = await startCuttingProxy(server.port);
      onTestFinished(() => proxy.close());
      const through = new URL(url);
      through.port = String(proxy.port);
      const store = await opened(through.href);
      const line = await newLine(store);
      const row = line.row('dev-1');
      const intentId = await line.intend(row);
      proxy.cutAt('COMMIT\0', 'after');
      expect(await rejection(line.complete(row, intentId))).toMatchObject({ code: 'storage-unavailable' });
      // What a caller does then; it passes over what is complete.
      await store.abandonIntents(actAt(), store.runId, [intentId]);
      const [verdict] = await line.record([line.row('dev-1', { keyDigest: row.keyDigest })]);
      expect(verdict).toMatchObject({ verdict: 'replay', certificate: { intentId } });
      expect(await verifyPostgresLedger(url)).toMatchObject({ ok: true, certificates: 2, abandoned: 0 });
    });
  });

  describe('the verifier', () => {
    const damage: readonly (readonly [string, string])[] = [
      ['an entry that was changed', "UPDATE audit SET actor_id = 'nobody' WHERE seq = 5"],
      ['an entry that is gone', 'SET session_replication_role = replica; DELETE FROM audit WHERE seq = 5'],
      ['an intent with another key', 'UPDATE intent SET key_digest = tbs_digest WHERE device IS NOT NULL'],
      ['a certificate that was swapped', "UPDATE certificate SET der = '\\x3000'"],
      ['a chunk that counts wrong', 'UPDATE intent_chunk SET open = open + 1 WHERE id = 2'],
      ['a revocation without an entry', 'UPDATE certificate SET revoked_at = 1'],
      ['a token with another role', "UPDATE token SET role = 'admin'"],
      ['a fleet with another target', "UPDATE fleet SET target = 'other'"],
      ['a device with another name', "UPDATE device SET device_id = 'dev-x'"],
    ];
    test.each(damage)('finds %s', async (_, sql) => {
      const url = await server.newDatabase();
      const store = await open(url);
      const line = await newLine(store);
      await line.issue(line.row('dev-1'));
      await store.recordToken(actAt(), {
        id: 'aaaaaaaaaaaaaaaa',
        name: 'n',
        role: 'auditor',
        rights: [],
        fleet: null,
        bounds: UNBOUND,
        secretHash: freshDigest(),
        createdAt: NOON,
        expiresAt: minutesAfter(9),
        revokedAt: null,
      });
      await store.close(NOON);
      expect(await verifyPostgresLedger(url)).toMatchObject({ ok: true });
      await server.administer(sql, url);
      const { ok, problems } = await verifyPostgresLedger(url);
      expect(ok).toBe(false);
      expect(problems.length).toBeGreaterThan(0);
    });

    test('a ledger that is in use is seen as it was at one moment', async () => {
      const url = await server.newDatabase();
      const store = await opened(url);
      const line = await newLine(store);
      const busy = Promise.all(Array.from({ length: 30 }, (_, i) => line.issue(line.row(`dev-${i}`))));
      for (let i = 0; i < 5; i++) expect((await verifyPostgresLedger(url)).problems).toEqual([]);
      await busy;
      const log = await wholeLog(store);
      expect((await verifyPostgresLedger(url)).head).toBe(log.at(-1)?.hash);
    });
  });
});
