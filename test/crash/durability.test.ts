import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isLeftOut } from '../support/counterpart.ts';
import { makeFleet, requestOne } from './calls.ts';
import { checkAnswers, checkCertificates } from './durability-rules.ts';
import { makeLot } from './lot.ts';
import { createResumingClient } from './resuming-client.ts';
import { cleanUp, makeFolder, startService } from './service-process.ts';
import { type Moment, readStrace } from './strace-log.ts';

const SINGLES = 40;
const LOT = 400;
const CALLS = 'trace=write,pwrite64,pwritev,writev,sendto,sendmsg,fsync,fdatasync';

/** Single requests, one outstanding at a time; then a lot, whose answer runs beside its intake. */
async function watch(
  singles: number,
  lot: number,
  preload: readonly string[] = [],
): Promise<readonly Moment[]> {
  const data = makeFolder();
  const trace = join(data, 'trace');
  const under = [
    'strace',
    '-f',
    '-yy',
    '-xx',
    '-s',
    '2000000',
    '-o',
    trace,
    '-e',
    CALLS,
    '-e',
    'signal=none',
  ];
  const service = await startService({ data, transport: 'http', under, preload });
  const { station } = await makeFleet(service);
  for (const { csr } of makeLot(singles, 'single')) await requestOne(service, station, csr);
  const client = createResumingClient();
  const sending = { rows: makeLot(lot, 'lot'), token: station, batchId: 'lot' };
  expect((await client.send(service, sending)).ended).toBe('whole');
  await service.stop();
  return readStrace(trace, join(data, 'db'));
}

const isLeaf = (pem: string): boolean => !new X509Certificate(pem).ca;
const withoutSyncs = (moments: readonly Moment[]): readonly Moment[] =>
  moments.filter(({ kind }) => kind !== 'synced');

/** The trace without the last sync of the log before an answer: what one forgotten sync would look like. */
function withoutOneSync(moments: readonly Moment[]): readonly Moment[] {
  const answer = moments.findLastIndex(
    (moment) => moment.kind === 'sent' && moment.octets.toString('latin1').startsWith('HTTP/1.1 201'),
  );
  const sync = moments.findLastIndex(
    (moment, i) => i < answer && moment.kind === 'synced' && moment.file.endsWith('-wal'),
  );
  return moments.filter((_, i) => i !== sync);
}

afterAll(cleanUp);

describe.skipIf(isLeftOut('strace'))('under strace', () => {
  let moments: readonly Moment[];
  beforeAll(async () => {
    moments = await watch(SINGLES, LOT);
  });

  test('no 2xx leaves while the database or its log holds octets that are not synced', () => {
    const { answers, early } = checkAnswers(moments);
    expect(answers).toBeGreaterThan(SINGLES);
    expect(early).toEqual([]);
  });

  test('no octet of a certificate leaves before the record of it is synced, in a lot as alone', () => {
    const { certificates, early } = checkCertificates(moments, isLeaf);
    expect(certificates).toBe([...makeLot(SINGLES), ...makeLot(LOT)].filter(({ good }) => good).length);
    expect(early).toEqual([]);
  });

  test('a trace with one sync less, or with none, breaks the rules', () => {
    expect(checkAnswers(withoutOneSync(moments)).early).toHaveLength(1);
    expect(checkAnswers(withoutSyncs(moments)).early.length).toBeGreaterThan(SINGLES);
    const { certificates, early } = checkCertificates(withoutSyncs(moments), isLeaf);
    expect(early).toHaveLength(certificates);
  });

  test("a service with better-sqlite3's own default breaks the rules", async () => {
    const weak = await watch(10, 100, ['weak-sync.mjs']);
    expect(checkAnswers(weak).early.length).toBeGreaterThanOrEqual(10);
    const { certificates, early } = checkCertificates(weak, isLeaf);
    // A checkpoint may have synced some.
    expect(early.length).toBeGreaterThan(certificates / 2);
  });
});
