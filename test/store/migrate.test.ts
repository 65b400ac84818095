import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APPLICATION_ID, openWriter } from '../../src/store/driver.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { newGeneration, newLine } from './line.ts';
import { actAt, NOON } from './sample.ts';
import { scratchDatabase } from './scratch.ts';

const MIGRATIONS = readdirSync(new URL('../../db/migrations/sqlite/', import.meta.url)).sort();
const NEWEST = MIGRATIONS.length;

let runs = 0;
const open = (file: string) => openStoreInProcess({ file, runId: `run-${++runs}`, at: NOON });

const raw = (file: string, work: string): void => {
  const connection = openWriter(file, (opened) => opened.exec(work));
  connection.close();
};

/** A database of another program, in SQLite's default mode. */
function foreign(file: string, sql: string): void {
  const connection = openWriter(file, () => undefined);
  connection.pragma('journal_mode = DELETE');
  connection.exec(sql);
  connection.close();
}

const refusal = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

test('a fresh file becomes our database, at the newest schema', async () => {
  const file = scratchDatabase();
  await open(file).close(NOON);
  const connection = openWriter(file, () => undefined);
  expect(connection.pragma('application_id', { simple: true })).toBe(APPLICATION_ID);
  expect(connection.pragma('user_version', { simple: true })).toBe(NEWEST);
  expect(connection.pragma('journal_mode', { simple: true })).toBe('wal');
  const loose = connection
    .prepare(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite%'",
    )
    .all();
  expect(loose).toEqual([]);
  connection.close();
});

test('a second start changes no schema and finds everything', async () => {
  const file = scratchDatabase();
  const first = open(file);
  const line = await newLine(first);
  const certificate = await line.issue(line.row('dev-1'));
  await first.close(NOON);
  const second = open(file);
  expect(await second.findCertificate(certificate.fingerprint)).toEqual(certificate);
  expect(second.abandoned).toBe(0);
  await second.close(NOON);
});

test('a newer schema is refused, and the file is as it was', async () => {
  const file = scratchDatabase();
  await open(file).close(NOON);
  raw(file, `PRAGMA user_version = ${NEWEST + 1}`);
  const before = readFileSync(file);
  expect(refusal(() => open(file))).toMatchObject({ code: 'storage-unavailable' });
  expect(readFileSync(file)).toEqual(before);
});

test.each([
  ['tables of its own', 'CREATE TABLE theirs (id INTEGER)'],
  ['a mark of its own', 'PRAGMA application_id = 7; CREATE TABLE theirs (id INTEGER)'],
])('a database of another program, with %s, is refused, and the file is as it was', (_, sql) => {
  const file = scratchDatabase();
  foreign(file, sql);
  const before = readFileSync(file);
  expect(refusal(() => open(file))).toMatchObject({ code: 'storage-unavailable' });
  expect(readFileSync(file)).toEqual(before);
});

test('a file that is no database is refused, and is as it was', () => {
  const file = scratchDatabase();
  writeFileSync(file, 'this is a text file, and a long one. '.repeat(100));
  const before = readFileSync(file);
  expect(refusal(() => open(file))).toMatchObject({ code: 'storage-unavailable' });
  expect(readFileSync(file)).toEqual(before);
});

test('a database that was refused is not held: it opens once it is right', async () => {
  const file = scratchDatabase();
  await open(file).close(NOON);
  raw(file, `PRAGMA user_version = ${NEWEST + 1}`);
  expect(refusal(() => open(file))).toMatchObject({ code: 'storage-unavailable' });
  raw(file, `PRAGMA user_version = ${NEWEST}`);
  await open(file).close(NOON);
});

test('a migration that breaks off leaves nothing behind, and the next start makes it', async () => {
  const file = scratchDatabase();
  const connection = openWriter(file, () => undefined);
  connection.pragma('max_page_count = 20');
  expect(refusal(() => migrate(connection))).toMatchObject({ code: 'SQLITE_FULL' });
  expect(connection.pragma('user_version', { simple: true })).toBe(0);
  expect(connection.prepare('SELECT name FROM sqlite_schema').all()).toEqual([]);
  connection.close();
  const store = open(file);
  await newLine(store);
  await store.close(NOON);
  expect(verifyLedger(file).ok).toBe(true);
});

const WITHOUT_OUTGOING =
  'DROP TABLE authority_request; DROP TABLE device_registration; DROP TABLE registration_order; DROP TABLE delivery; DROP TABLE destination';
const WITHOUT_DEVICE_LIFE = `DROP TABLE sighting; DROP TABLE device_change; DROP INDEX intent_abandoned;
  ALTER TABLE device DROP COLUMN scrapped; ALTER TABLE intent DROP COLUMN revoke_old; ALTER TABLE intent DROP COLUMN renews`;
const WITHOUT_ROTATION = `DROP TABLE revocation_elsewhere; DROP TABLE list_taken; DROP TABLE restoration;
  DROP TABLE authority_expiring; DROP TABLE rotation_due; DROP TABLE root_link; DROP TABLE generation_move; DROP TABLE acknowledgement;
  ALTER TABLE generation DROP COLUMN withdrawn_audit_seq; ALTER TABLE generation DROP COLUMN given_up_audit_seq;
  ALTER TABLE generation DROP COLUMN destroyed_audit_seq`;
const WITHOUT_IMPORTS = 'ALTER TABLE intent_chunk DROP COLUMN imported';
const WITHOUT_LISTS = `${WITHOUT_IMPORTS}; ${WITHOUT_ROTATION}; ${WITHOUT_OUTGOING}; ${WITHOUT_DEVICE_LIFE}; DROP TABLE revocation_list; DROP TABLE revocation`;

test('what was revoked before there were CRLs is in them', async () => {
  const file = scratchDatabase();
  const first = open(file);
  const line = await newLine(first);
  const [revoked] = [await line.issue(line.row('dev-1')), await line.issue(line.row('dev-2'))];
  await first.markRevoked(actAt(), revoked.fingerprint, 'keyCompromise');
  await first.close(NOON);
  const before = MIGRATIONS.indexOf('0010-revocation-lists.sql');
  raw(file, `${WITHOUT_LISTS}; PRAGMA user_version = ${before}`);
  const second = open(file);
  const query = { issuerId: line.root.id, through: Number.MAX_SAFE_INTEGER, before: null };
  const listed = await second.listRevocations(query, new Uint8Array(0), 10);
  expect(listed).toEqual([{ serial: revoked.serial, revokedAt: actAt().at, reason: 'keyCompromise' }]);
  await second.close(NOON);
  expect(verifyLedger(file).problems).toEqual([]);
});

test('a ledger that is in use gets registrations, and all that points to its authorities still does', async () => {
  const file = scratchDatabase();
  const first = open(file);
  const line = await newLine(first);
  const certificate = await line.issue(line.row('dev-1'));
  await first.close(NOON);
  const before = MIGRATIONS.indexOf('0007-registration.sql');
  raw(
    file,
    `DROP TABLE server_root; DROP TABLE server; DROP TABLE registration_credential; ${WITHOUT_LISTS}; PRAGMA user_version = ${before}`,
  );
  const second = open(file);
  expect(await second.findCertificate(certificate.fingerprint)).toEqual(certificate);
  expect(await second.listGenerations(line.fleet.id)).toEqual([line.root]);
  const kind = { authority: 'registration', kind: 'registration' } as const;
  expect((await newGeneration(second, line.fleet, kind)).kind).toBe('registration');
  await second.close(NOON);
  const connection = openWriter(file, () => undefined);
  expect(connection.pragma('foreign_key_check')).toEqual([]);
  expect(() => connection.exec('DELETE FROM generation')).toThrow(/FOREIGN KEY/);
  connection.close();
  expect(verifyLedger(file).problems).toEqual([]);
});

test('a folder that does not exist is storage-unavailable', () => {
  expect(refusal(() => open(`${scratchDatabase()}/nowhere/x.sqlite`))).toMatchObject({
    code: 'storage-unavailable',
  });
});
