import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { answer } from '../../src/store/asking.ts';
import { openReader, openWriter } from '../../src/store/driver.ts';
import { createFleet, findFleet, listFleets } from '../../src/store/fleets.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { newLine, rejection } from './line.ts';
import { writerOn } from './on-disk.ts';
import { actAt, NOON } from './sample.ts';
import { scratchDatabase } from './scratch.ts';

const fleet = (name: string, gatewayUrl: string | null = null) => ({
  name,
  target: 'generic',
  gatewayUrl,
  gatewayRoot: null,
});

test('synchronous is FULL on every connection, after first use, too', async () => {
  const file = scratchDatabase();
  const { connection, writer } = writerOn(file);
  await writer.write((s) => createFleet(s, actAt(), fleet('one')));
  expect(connection.pragma('synchronous', { simple: true })).toBe(2);
  const again = openWriter(file, () => undefined);
  const reader = openReader(file);
  for (const other of [again, reader]) {
    other.prepare('SELECT count(*) FROM fleet').get();
    expect(other.pragma('synchronous', { simple: true })).toBe(2);
    expect(other.pragma('foreign_keys', { simple: true })).toBe(1);
  }
  again.exec("UPDATE fleet SET target = 'x'; UPDATE fleet SET target = 'generic'");
  expect(again.pragma('synchronous', { simple: true })).toBe(2);
  for (const open of [again, reader, connection]) open.close();
});

test('a full disk is storage-full, nothing is half recorded, and it recovers by itself', async () => {
  const file = scratchDatabase();
  const { connection, session, writer } = writerOn(file);
  const pages = connection.pragma('page_count', { simple: true }) as number;
  connection.pragma(`max_page_count = ${pages + 1}`);
  const large = Array.from({ length: 3 }, (_, i) => fleet(`large-${i}`, 'x'.repeat(50_000)));
  // They share one transaction: all or none.
  const failures = await Promise.all(
    [fleet('small'), ...large].map((wish) => rejection(writer.write((s) => createFleet(s, actAt(), wish)))),
  );
  expect(failures.map((failure) => (failure as { code: string }).code)).toEqual(
    Array(4).fill('storage-full'),
  );
  expect(answer(session, listFleets('', 10))).toEqual([]);
  expect(verifyLedger(file)).toMatchObject({ ok: true, entries: 1 });

  connection.pragma('max_page_count = 100000');
  await writer.write((s) => createFleet(s, actAt(), fleet('after')));
  expect(verifyLedger(file)).toMatchObject({ ok: true, entries: 2 });
  connection.close();
});

test('a database that another program holds is busy, is still read, and recovers by itself', async () => {
  const file = scratchDatabase();
  const { connection, session, writer } = writerOn(file);
  connection.pragma('busy_timeout = 10');
  await writer.write((s) => createFleet(s, actAt(), fleet('before')));
  const other = openWriter(file, () => undefined);
  other.exec('BEGIN IMMEDIATE');
  expect(await rejection(writer.write((s) => createFleet(s, actAt(), fleet('during'))))).toMatchObject({
    code: 'busy',
  });
  expect(answer(session, findFleet('before'))?.name).toBe('before');
  other.exec('ROLLBACK');
  other.close();
  await writer.write((s) => createFleet(s, actAt(), fleet('after')));
  expect(answer(session, listFleets('', 10)).map(({ name }) => name)).toEqual(['after', 'before']);
  connection.close();
});

test('a database that cannot be written is storage-unavailable, and is still read', async () => {
  const file = scratchDatabase();
  const { connection, session, writer } = writerOn(file);
  await writer.write((s) => createFleet(s, actAt(), fleet('before')));
  connection.pragma('query_only = ON');
  expect(await rejection(writer.write((s) => createFleet(s, actAt(), fleet('during'))))).toMatchObject({
    code: 'storage-unavailable',
  });
  expect(answer(session, findFleet('before'))?.name).toBe('before');
  expect(answer(session, findFleet('during'))).toBeUndefined();
  connection.pragma('query_only = OFF');
  await writer.write((s) => createFleet(s, actAt(), fleet('after')));
  connection.close();
});

test.each(['SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_WRITE', 'SQLITE_CORRUPT', 'SQLITE_CORRUPT_INDEX'])(
  'after %s nothing is written until a restart',
  async (code) => {
    const file = scratchDatabase();
    const { connection, session, writer } = writerOn(file);
    const failure = Object.assign(new Error('the disk'), { code });
    const failing = writer.write((s) => {
      createFleet(s, actAt(), fleet('lost'));
      throw failure;
    });
    expect(await rejection(failing)).toMatchObject({ code: 'storage-unavailable', cause: failure });
    const next = await rejection(writer.write((s) => createFleet(s, actAt(), fleet('next'))));
    expect(next).toMatchObject({ code: 'storage-unavailable', cause: failure });
    expect(answer(session, listFleets('', 10))).toEqual([]);
    connection.close();
    const restarted = openStoreInProcess({ file, runId: 'run-2', at: NOON });
    await restarted.createFleet(actAt(), fleet('next'));
    await restarted.close(NOON);
    expect(verifyLedger(file).ok).toBe(true);
  },
);

test('a read that meets corruption stops the writing, too', async () => {
  const file = scratchDatabase();
  const { writer, connection } = writerOn(file);
  writer.observe(Object.assign(new Error('the disk'), { code: 'SQLITE_CORRUPT_VTAB' }));
  expect(await rejection(writer.write((s) => createFleet(s, actAt(), fleet('next'))))).toMatchObject({
    code: 'storage-unavailable',
  });
  connection.close();
});

test('a command that fails undoes itself alone, and its neighbours stand', async () => {
  const file = scratchDatabase();
  const { connection, session, writer } = writerOn(file);
  const failures = await Promise.all(
    ['a', 'b', 'a', 'c'].map((name) => rejection(writer.write((s) => createFleet(s, actAt(), fleet(name))))),
  );
  expect(failures.map((failure) => (failure as { code?: string } | undefined)?.code)).toEqual([
    undefined,
    undefined,
    'already-exists',
    undefined,
  ]);
  expect(answer(session, listFleets('', 10)).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  connection.close();
  expect(verifyLedger(file)).toMatchObject({ ok: true, entries: 4 });
});

test('a database with overwritten pages is never written on', async () => {
  const file = scratchDatabase();
  const store = openStoreInProcess({ file, runId: 'run-1', at: NOON });
  const line = await newLine(store);
  for (let i = 0; i < 20; i++) await line.issue(line.row(`dev-${i}`));
  await store.close(NOON);
  const { size } = statSync(file);
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096);
  closeSync(handle);
  let refusal: unknown;
  try {
    const opened = openStoreInProcess({ file, runId: 'run-2', at: NOON });
    refusal = await rejection(opened.createFleet(actAt(), fleet('next')));
    await opened.close(NOON);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toMatchObject({ code: 'storage-unavailable' });
});
