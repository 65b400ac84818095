import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../src/ca/index.ts';
import { UNBOUND } from '../../src/enrollment/index.ts';
import { type Connection, openReadOnly, openWriter } from '../../src/store/driver.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { generationIntent, newFleet, newGeneration, newLine, wholeLog } from './line.ts';
import { actAt, certificateOf, freshDigest, minutesAfter, NOON, sha256 } from './sample.ts';
import { makeFolder, scratchDatabase } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');
let log: readonly AuditEntry[] = [];

/** A ledger in which every action has happened. */
beforeAll(async () => {
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const line = await newLine(store);
  await newGeneration(store, line.fleet, { authority: 'line-7', kind: 'issuing', issuerId: line.root.id });
  await store.recordGenerationIntent(actAt(), store.runId, generationIntent(await newFleet(store)));
  const old = await newFleet(store);
  const settings = { hardwareId: 'board-7', pkcs11Module: null, gatewayTrusts: null, ostreeServer: null };
  await store.recordFleetTerms(actAt(), old.id, { gatewayUrl: null, gatewayRoot: null, settings });
  const { tbsDigest: _, profileDigest: __, ...root } = generationIntent(old);
  const certificateOfRoot = certificateOf(root.serial);
  await store.recordGenerationImported(actAt(), { ...root, certificate: certificateOfRoot, ceremony: null });
  const [a, b, c] = [line.row('dev-a', { labels: '{"lot":"1"}' }), line.row('dev-b'), line.row('dev-c')];
  const ids = (await line.record([a, b, c])).map((v) => (v.verdict === 'recorded' ? v.intentId : 0));
  const certificate = await line.complete(a, ids[0] ?? 0);
  await line.complete(b, ids[1] ?? 0);
  await store.abandonIntents(actAt(), store.runId, [ids[2] ?? 0]);
  await store.markRevoked(actAt(), certificate.fingerprint, 'keyCompromise');
  await store.releaseKey(actAt(), line.fleet.id, b.keyDigest, 'board moved');
  for (const id of ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb']) {
    await store.recordToken(actAt(), {
      id,
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
  }
  await store.revokeToken(actAt(), 'bbbbbbbbbbbbbbbb');
  const opening = { id: 'lot', fleetId: line.fleet.id, tokenId: 'x', profile: null, authority: null };
  await store.openBatch(actAt(), store.runId, opening);
  const outcome = {
    row: 1,
    deviceId: 'dev-a',
    status: 'issued',
    intentId: ids[0] ?? 0,
    problem: null,
    warnings: [],
  } as const;
  await store.recordOutcomes(actAt(), 'lot', 1, [outcome]);
  await store.closeAttempt(actAt(), 'lot', 1, 'complete');
  log = await wholeLog(store);
  await store.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The number of the first entry of an action, or of its nth. */
function seqOf(action: string, nth = 0): number {
  const entry = log.filter((e) => e.action === action)[nth];
  if (!entry) throw new Error(`no entry ${action}`);
  return entry.seq;
}

/** A copy of the ledger on which somebody with the file in hand has worked. */
function tampered(work: (connection: Connection) => void): string {
  const file = scratchDatabase();
  copyFileSync(clean, file);
  const connection = openWriter(file, () => undefined);
  connection.pragma('foreign_keys = OFF');
  work(connection);
  connection.close();
  return file;
}

const run =
  (sql: string, ...values: unknown[]) =>
  (connection: Connection) => {
    if (connection.prepare(sql).run(...values).changes === 0) throw new Error(`nothing changed: ${sql}`);
  };

const firstBad = (work: (connection: Connection) => void): number | null | undefined => {
  const report = verifyLedger(tampered(work));
  expect(report.ok).toBe(report.problems.length === 0);
  return report.problems[0]?.seq;
};

test('a ledger that nobody touched is ok, and is counted', () => {
  const report = verifyLedger(clean);
  expect(report.problems).toEqual([]);
  expect(report).toMatchObject({ ok: true, intents: 6, certificates: 4, abandoned: 2, open: 0 });
  expect(report.entries).toBe(log.length + 2);
});

test('every kind of entry was made', () => {
  expect(new Set(log.map(({ action }) => action)).size).toBe(16);
});

describe('an edited entry is named', () => {
  test.each([
    ['at', "'2020-01-01T00:00:00.000Z'"],
    ['actor_kind', "'operator'"],
    ['actor_id', "'somebody else'"],
    ['actor_role', "'admin'"],
    ['action', "'nothing-happened'"],
    ['fleet', "'another'"],
    ['details', `'{"name":"another"}'`],
    ['details', `'no JSON'`],
    ['hash', `x'${'00'.repeat(32)}'`],
    ['previous', `x'${'00'.repeat(32)}'`],
  ])('in its %s (%s)', (column, value) => {
    const seq = seqOf('fleet-created', 1);
    expect(firstBad(run(`UPDATE audit SET ${column} = ${value} WHERE seq = ?`, seq))).toBe(seq);
  });

  test('in its number', () => {
    const seq = seqOf('batch-opened');
    expect(firstBad(run('UPDATE audit SET seq = 1000 WHERE seq = ?', seq))).toBe(seq + 1);
  });
});

test.each([2, 5, 9])('a deleted entry is noticed at the one after it (%i)', (seq) => {
  const problems = verifyLedger(tampered(run('DELETE FROM audit WHERE seq = ?', seq))).problems;
  expect(problems.some((problem) => problem.seq === seq + 1)).toBe(true);
  expect(problems[0]?.seq).toBeLessThanOrEqual(seq + 1);
});

test('a deleted first entry is noticed', () => {
  expect(firstBad(run('DELETE FROM audit WHERE seq = 1'))).toBe(2);
});

test('two entries that changed places are named', () => {
  const [a, b] = [seqOf('token-created'), seqOf('token-created', 1)];
  const swap = (connection: Connection) => {
    connection.exec(`UPDATE audit SET seq = -1 WHERE seq = ${a}; UPDATE audit SET seq = ${a} WHERE seq = ${b};
      UPDATE audit SET seq = ${b} WHERE seq = -1`);
  };
  expect(firstBad(swap)).toBe(a);
});

describe('an intent that says something else than its entry is named', () => {
  test.each([
    "serial = x'55'",
    `key_digest = x'${'11'.repeat(32)}'`,
    `tbs_digest = x'${'11'.repeat(32)}'`,
    'profile_id = profile_id - 1',
    'not_after = not_after + 1000',
    'not_before = not_before - 1000',
    'labels = NULL',
    "supersede = 'because'",
    'issuer_id = issuer_id + 1',
    'device = device + 1',
    'device = NULL',
    'chunk_id = chunk_id - 1',
    'id = 1000',
  ])('%s', (change) => {
    const work = run(
      `UPDATE intent SET ${change} WHERE id = (SELECT min(id) FROM intent WHERE device IS NOT NULL)`,
    );
    const seqs = verifyLedger(tampered(work)).problems.map(({ seq }) => seq);
    expect(seqs).toContain(seqOf('intents-recorded'));
  });

  test.each(["name = 'another'", 'digest = zeroblob(32)'])('its profile: %s', (change) => {
    const work = run(`UPDATE profile_version SET ${change} WHERE name = 'device'`);
    expect(firstBad(work)).toBe(seqOf('intents-recorded'));
  });

  const ofDevices = "WHERE kind = 'device'";
  test.each([
    ['run_id', `UPDATE intent_chunk SET run_id = 'another' ${ofDevices}`],
    ['batch_id', `UPDATE intent_chunk SET batch_id = 'lot' ${ofDevices}`],
    ['actor_id', `UPDATE intent_chunk SET actor_id = 'somebody else' ${ofDevices}`],
    ['created_at', `UPDATE intent_chunk SET created_at = created_at + 1 ${ofDevices}`],
    ['kind', `UPDATE intent_chunk SET kind = 'authority' ${ofDevices}`],
    ['first_intent', `UPDATE intent_chunk SET first_intent = first_intent + 1 ${ofDevices}`],
    ['last_intent', `UPDATE intent_chunk SET last_intent = last_intent - 1 ${ofDevices}`],
    ['open', `UPDATE intent_chunk SET open = open + 1 ${ofDevices}`],
    ['origin', `UPDATE intent_chunk SET imported = 1 ${ofDevices}`],
    ['row', `DELETE FROM intent_chunk ${ofDevices}`],
    [
      'copy',
      `INSERT INTO intent_chunk
       SELECT 1000, kind, run_id, batch_id, actor_id, created_at, first_intent, last_intent, open, audit_seq, fleet_id, imported FROM intent_chunk ${ofDevices}`,
    ],
  ])("its chunk's %s", (_, sql) => {
    expect(firstBad(run(sql))).toBe(seqOf('intents-recorded'));
  });

  test('its chunk points to another entry', () => {
    expect(firstBad(run(`UPDATE intent_chunk SET audit_seq = 1 ${ofDevices}`))).toBe(1);
  });

  const given = '(SELECT id FROM intent WHERE device IS NULL AND abandoned = 1)';
  test.each([
    `UPDATE intent SET serial = x'55' WHERE id = ${given}`,
    `UPDATE intent SET tbs_digest = x'${'11'.repeat(32)}' WHERE id = ${given}`,
    `UPDATE intent SET profile_id = profile_id + 1 WHERE id = ${given}`,
    `UPDATE intent_chunk SET actor_id = 'x' WHERE first_intent = ${given}`,
    `UPDATE intent_chunk SET open = 1 WHERE first_intent = ${given}`,
  ])("an authority's: %s", (sql) => {
    expect(firstBad(run(sql))).toBe(seqOf('generation-intent-recorded', 2));
  });

  test('a device that was renamed', () => {
    const work = run("UPDATE device SET device_id = 'dev-z' WHERE device_id = 'dev-a'");
    expect(firstBad(work)).toBe(seqOf('intents-recorded'));
  });

  test('one that was removed with all its traces but the log', () => {
    const work = (connection: Connection) => {
      const which = '(SELECT id FROM intent WHERE labels = \'{"lot":"1"}\')';
      connection.exec(`DELETE FROM certificate WHERE intent_id IN ${which}`);
      connection.exec(`DELETE FROM intent WHERE id IN ${which}`);
    };
    expect(firstBad(work)).toBe(seqOf('intents-recorded'));
  });

  test('an abandoned one that came back', () => {
    const work = run('UPDATE intent SET abandoned = 0 WHERE abandoned = 1 AND device IS NOT NULL');
    expect(firstBad(work)).toBe(seqOf('intents-recorded'));
    const seqs = verifyLedger(tampered(work)).problems.map(({ seq }) => seq);
    expect(seqs).toContain(seqOf('intents-abandoned'));
  });

  test('a completed one that was abandoned', () => {
    const work = run('UPDATE intent SET abandoned = 1 WHERE labels IS NOT NULL');
    expect(firstBad(work)).toBe(seqOf('intents-recorded'));
  });
});

describe('a certificate that was touched is noticed', () => {
  const one = '(SELECT max(intent_id) FROM certificate)';
  test.each([
    ["UPDATE certificate SET der = x'3000'", 'intents-recorded'],
    ["UPDATE certificate SET der = x'00'", 'intents-recorded'],
    ['UPDATE certificate SET der = (SELECT der FROM certificate LIMIT 1)', 'intents-recorded'],
    [`UPDATE certificate SET fingerprint = x'${'22'.repeat(32)}'`, 'intents-recorded'],
    ['UPDATE certificate SET audit_seq = 1', 'intents-recorded'],
    ['DELETE FROM certificate', 'intents-recorded'],
  ])('%s', (sql, action) => {
    expect(firstBad(run(`${sql} WHERE intent_id = ${one}`))).toBe(seqOf(action));
  });

  test('the time of one', () => {
    const work = run(`UPDATE certificate SET issued_at = issued_at + 1 WHERE intent_id = ${one}`);
    expect(firstBad(work)).toBe(seqOf('certificates-issued', 1));
  });

  test('one that was slipped in under an entry that tells of others', () => {
    const work = run(
      `INSERT INTO certificate SELECT (SELECT id FROM intent WHERE abandoned = 1 AND device IS NOT NULL), zeroblob(32),
         issued_at, NULL, NULL, NULL, NULL, audit_seq, der FROM certificate WHERE intent_id = ${one}`,
    );
    expect(firstBad(work)).toBe(seqOf('intents-recorded'));
  });

  test('the octets of one, with the fingerprint that fits them', () => {
    const work = (connection: Connection) => {
      const row = connection.prepare(`SELECT der FROM certificate WHERE intent_id = ${one}`).get() as {
        der: Buffer;
      };
      row.der[row.der.length - 1] = (row.der.at(-1) ?? 0) ^ 1;
      const fingerprint = sha256(row.der);
      run(
        `UPDATE certificate SET der = ?, fingerprint = ? WHERE intent_id = ${one}`,
        row.der,
        fingerprint,
      )(connection);
    };
    const seqs = verifyLedger(tampered(work)).problems.map(({ seq }) => seq);
    expect(seqs).toContain(seqOf('certificates-issued', 1));
  });

  test("an authority's", () => {
    expect(firstBad(run("UPDATE generation SET certificate = x'3000' WHERE imported = 1"))).toBe(
      seqOf('generation-imported'),
    );
    expect(firstBad(run("UPDATE generation SET certificate = NULL WHERE authority = 'line-7'"))).toBe(
      seqOf('generation-intent-recorded', 1),
    );
    expect(firstBad(run('DELETE FROM generation WHERE imported = 1'))).toBe(seqOf('generation-imported'));
  });
});

describe('a token that was touched is named', () => {
  test.each([
    "role = 'admin'",
    "fleet = 'another'",
    `rights = '["supersede"]'`,
    "rights = 'no JSON'",
    'expires_at = expires_at + 1000',
    'expires_at = 9000000000000000',
    `secret_hash = x'${'33'.repeat(32)}'`,
    "name = 'another'",
    'quota_total = 5',
    'quota_per_hour = 5',
    `labels = '{"line":"8"}'`,
    `profiles = '["device"]'`,
    "id_pattern = '*'",
  ])('%s', (change) => {
    const work = run(`UPDATE token SET ${change} WHERE id = 'aaaaaaaaaaaaaaaa'`);
    expect(firstBad(work)).toBe(seqOf('token-created'));
  });

  test('a revocation that was taken back, and one that nobody ordered', () => {
    expect(firstBad(run("UPDATE token SET revoked_at = NULL WHERE id = 'bbbbbbbbbbbbbbbb'"))).toBe(
      seqOf('token-revoked'),
    );
    expect(firstBad(run("UPDATE token SET revoked_at = 5 WHERE id = 'aaaaaaaaaaaaaaaa'"))).toBe(
      seqOf('token-created'),
    );
  });

  test('one that was removed, and one that was slipped in', () => {
    expect(firstBad(run("DELETE FROM token WHERE id = 'aaaaaaaaaaaaaaaa'"))).toBe(seqOf('token-created'));
    const copy = run(
      `INSERT INTO token (id, name, role, rights, fleet, secret_hash, created_at, expires_at, revoked_at, audit_seq)
       SELECT 'cccccccccccccccc', name, 'admin', rights, fleet, secret_hash, created_at, expires_at, NULL, audit_seq
       FROM token WHERE id = 'aaaaaaaaaaaaaaaa'`,
    );
    expect(firstBad(copy)).toBe(seqOf('token-created'));
  });
});

const FLEET_CHANGES = [
  "gateway_url = 'https://x'",
  "gateway_root = 'x'",
  'settings = \'{"hardwareId":"x"}\'',
];

test.each(["name = 'another'", "target = 'ota-ce'", ...FLEET_CHANGES])(
  'a fleet that was touched is named: %s',
  (change) => {
    const seq = seqOf('fleet-created');
    expect(firstBad(run(`UPDATE fleet SET ${change} WHERE audit_seq = ?`, seq))).toBe(seq);
  },
);

test.each([...FLEET_CHANGES, 'settings_audit_seq = NULL', "settings = 'no JSON at all'"])(
  'a fleet that was touched after its change is named: %s',
  (change) => {
    const seq = seqOf('fleet-changed');
    const touched = run(`UPDATE fleet SET ${change} WHERE settings_audit_seq = ?`, seq);
    const work = (connection: Connection) => {
      connection.pragma('ignore_check_constraints = ON');
      touched(connection);
    };
    expect(verifyLedger(tampered(work)).problems.map((problem) => problem.seq)).toContain(seq);
  },
);

test('a fleet that was removed is named', () => {
  const seq = seqOf('fleet-created', 2);
  expect(firstBad(run('DELETE FROM fleet WHERE audit_seq = ?', seq))).toBe(seq);
});

describe('a mark of revocation is not to be touched', () => {
  const unmarked = 'revoked_at = NULL, revocation_reason = NULL, revoked_audit_seq = NULL';
  test.each([
    [unmarked, 'certificate-revoked'],
    ["revocation_reason = 'superseded'", 'certificate-revoked'],
    ['revoked_at = revoked_at + 1', 'certificate-revoked'],
  ])('%s', (change, action) => {
    const work = run(`UPDATE certificate SET ${change} WHERE revoked_at IS NOT NULL`);
    expect(firstBad(work)).toBe(seqOf(action));
  });

  test('one that no entry tells of', () => {
    const work = run('UPDATE certificate SET revoked_at = 5, revoked_audit_seq = 1 WHERE revoked_at IS NULL');
    expect(firstBad(work)).toBe(1);
  });
});

test.each([
  "UPDATE batch_outcome SET status = 'refused'",
  'UPDATE batch_outcome SET row_number = 9',
  'UPDATE batch_outcome SET problem = \'{"code":"bad-csr"}\'',
  'UPDATE batch_outcome SET seq = 9',
  'DELETE FROM batch_outcome',
])('an outcome that was touched is named: %s', (sql) => {
  expect(firstBad(run(sql))).toBe(seqOf('batch-outcomes-recorded'));
});

// The chain alone cannot show it: the head must be kept outside (docs/threat-model.md).
test('a tail that was cut off shows in the head alone', () => {
  const last = log.length + 2;
  const report = verifyLedger(tampered(run('DELETE FROM audit WHERE seq = ?', last)));
  expect(report.ok).toBe(true);
  expect(report.entries).toBe(last - 1);
  expect(report.head).not.toBe(verifyLedger(clean).head);
});

test('a live database is verified as it was at one moment, and is not changed', async () => {
  const file = scratchDatabase();
  const store = openStoreInProcess({ file, runId: '00000000000000bb', at: NOON });
  const line = await newLine(store);
  await line.issue(line.row('dev-1'));
  const open = await line.intend(line.row('dev-2'));
  expect(verifyLedger(file)).toMatchObject({ ok: true, open: 1, certificates: 2 });

  const reader = openReadOnly(file);
  const count = () => reader.prepare('SELECT count(*) AS n FROM certificate').get();
  reader.exec('BEGIN');
  expect(count()).toEqual({ n: 1 });
  await line.issue(line.row('dev-3'));
  expect(count()).toEqual({ n: 1 });
  reader.exec('COMMIT');
  expect(count()).toEqual({ n: 2 });
  reader.close();

  await store.abandonIntents(actAt(), store.runId, [open]);
  expect(verifyLedger(file)).toMatchObject({ ok: true, open: 0, certificates: 3, abandoned: 1 });
  await store.close(NOON);
  expect(verifyLedger(file).ok).toBe(true);
});
