import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey } from '../support/csr.ts';
import {
  makeDevice,
  makeFleet,
  makeToken,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { sendLot } from '../support/lot-upload.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;
let other: TestFleet;
let station: string;
const key = makeKey();
const digest = createHash('sha256').update(key.spki).digest('hex');
/** What a spreadsheet would run. */
const FORMULA = '=cmd(1,2)';

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
  other = await makeFleet(service, 'other');
  station = await makeToken(service, {
    name: 'line 7',
    role: 'station',
    fleet: 'demo',
    labels: { line: '7', sheet: '+1' },
  });
  const rows = Array.from({ length: 150 }, (_, i) =>
    rowOf(makeDevice(`lot-${String(i).padStart(3, '0')}`).csr),
  );
  await sendLot(service, { ...fleet, tokens: { ...fleet.tokens, station } }, rows.join(''), { key: 'lot-7' });
  await requestCertificate(service, fleet, { body: makeDevice('keyed', key).csr });
  await requestCertificate(service, fleet, { body: makeDevice(FORMULA).csr });
  await requestCertificate(service, other, { body: makeDevice('elsewhere').csr });
});

afterAll(() => stopSound(service));

const search = (query = '', accept = 'application/json', token = fleet.tokens.auditor) =>
  service.call('GET', `/v1/fleets/demo/certificates${query}`, { token, accept });
const found = async (query: string): Promise<readonly string[]> =>
  (await search(query)).json().items.map(({ deviceId }: { deviceId: string }) => deviceId);

describe('a search over certificates', () => {
  it('pages through the whole fleet, each once, and no other', async () => {
    const ids: string[] = [];
    let after = '0';
    while (after !== null) {
      const page = (await search(`?limit=40&after=${after}`)).json();
      for (const { deviceId } of page.items) ids.push(deviceId);
      after = page.next;
    }
    expect(ids).toHaveLength(152);
    expect(new Set(ids).size).toBe(152);
    expect(ids).not.toContain('elsewhere');
  });

  it('finds by each of its criteria, and by several at once', async () => {
    const { serial, keyDigest, station: by, batch } = (await search('?deviceId=keyed')).json().items[0];
    expect(keyDigest).toBe(digest);
    expect([by, batch]).toEqual([fleet.tokens.station.slice(4, 20), null]);
    expect(await found(`?serial=${serial}`)).toEqual(['keyed']);
    expect(await found(`?serial=${serial.toUpperCase()}&deviceId=lot-001`)).toEqual([]);
    expect(await found(`?keyDigest=${digest}`)).toEqual(['keyed']);
    expect(await found('?batch=lot-7&limit=1000')).toHaveLength(150);
    expect(await found(`?station=${station.slice(4, 20)}&limit=1000`)).toHaveLength(150);
    expect(await found('?label=line:7&limit=1000')).toHaveLength(150);
    expect(await found('?label=line:8')).toEqual([]);
    expect(await found('?label=line:7&deviceId=lot-003')).toEqual(['lot-003']);
    expect(await found('?status=active&limit=1000')).toHaveLength(152);
    expect(await found('?status=expired')).toEqual([]);
    expect(await found('?expiringBefore=2999-01-01T00:00:00Z&limit=1000')).toHaveLength(152);
    expect(await found('?expiringBefore=2020-01-01T00:00:00Z')).toEqual([]);
  });

  it('finds what was revoked', async () => {
    const [{ id }] = (await search('?deviceId=lot-010')).json().items;
    await service.call('POST', `/v1/certificates/${id}/revoke`, {
      token: fleet.tokens.security,
      json: { reason: 'keyCompromise' },
    });
    expect(await found('?status=revoked')).toEqual(['lot-010']);
    expect(await found('?deviceId=lot-010&status=active')).toEqual([]);
  });

  it('gives all pages as NDJSON, and goes on where it is told', async () => {
    const answer = await search('', 'application/x-ndjson');
    expect(answer.lines()).toHaveLength(152);
    expect((await search('?limit=7', 'application/x-ndjson')).lines()).toHaveLength(7);
    expect((await search('?label=line:8', 'application/x-ndjson')).lines()).toEqual([]);
  });

  it('gives all pages as CSV, and nothing in it is a formula', async () => {
    const answer = await search('', 'text/csv');
    const records = answer.text().split('\r\n').slice(0, -1);
    expect(records).toHaveLength(153);
    expect(answer.text()).toContain(`"'${FORMULA}"`);
    const cells = records.flatMap((record) => record.match(/"(?:[^"]|"")*"|[^,]+/g) ?? []);
    for (const cell of cells) expect(cell).not.toMatch(/^"?[=+\-@\t\r]/);
  });

  it.each([
    '?serial=xyz',
    '?serial=abc',
    '?keyDigest=00',
    '?station=line-7',
    '?label=line',
    '?label=:7',
    '?label=line:',
    '?status=gone',
    '?expiringBefore=tomorrow',
    '?limit=0',
    '?limit=1001',
    '?after=x',
    '?colour=red',
    '?deviceId=a%00',
  ])('%s is refused as bad-request', async (query) => {
    expect((await search(query)).code()).toBe('bad-request');
  });

  it('has no other forms', async () => {
    expect((await search('', 'application/pdf')).code()).toBe('not-acceptable');
  });
});

describe('a list of devices', () => {
  const list = (query = '', accept = 'application/json') =>
    service.call('GET', `/v1/fleets/demo/devices${query}`, { token: fleet.tokens.auditor, accept });
  const names = async (query: string): Promise<readonly string[]> =>
    (await list(query)).json().items.map(({ deviceId }: { deviceId: string }) => deviceId);

  it('names one by its ID or its key', async () => {
    expect(await names('?deviceId=keyed')).toEqual(['keyed']);
    expect(await names(`?keyDigest=${digest}`)).toEqual(['keyed']);
    expect(await names(`?keyDigest=${digest}&deviceId=lot-001`)).toEqual([]);
    expect(await names('?deviceId=elsewhere')).toEqual([]);
  });

  it('is given whole as NDJSON and CSV', async () => {
    expect((await list('', 'application/x-ndjson')).lines()).toHaveLength(152);
    const csv = (await list('', 'text/csv')).text();
    expect(csv.split('\r\n')).toHaveLength(154);
    expect(csv).toContain(`"'${FORMULA}",demo,`);
  });
});
