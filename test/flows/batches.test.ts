import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey } from '../support/csr.ts';
import { makeDevice, makeFleet, requestCertificate, rowOf, type TestFleet } from '../support/fleet.ts';
import { octetsAtRest } from '../support/ledger-file.ts';
import { openLot, sendLot } from '../support/lot-upload.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;
let other: TestFleet;

beforeAll(async () => {
  service = await startService({ level: 'trace' });
  fleet = await makeFleet(service, 'demo');
  other = await makeFleet(service, 'other');
});

afterAll(() => stopSound(service));

const batchOf = async (id: string) =>
  (await service.call('GET', `/v1/batches/${id}`, { token: fleet.tokens.auditor })).json();
const resultsOf = async (id: string, query = '') =>
  (await service.call('GET', `/v1/batches/${id}/results${query}`, { token: fleet.tokens.auditor })).lines();
const makeRows = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => rowOf(makeDevice(`${prefix}-${i}`).csr));

it('outcomes come in input order, one bad row stops no other, and the summary counts them', async () => {
  const rows = makeRows('order', 300).map((row, i) => (i % 10 === 3 ? '{"csr":"AAAA"}\n' : row));
  const answer = await sendLot(service, fleet, rows.join(''), { key: 'order' });
  const lines = answer.lines();
  expect(answer.headers.location).toBe('/v1/batches/order');
  expect(lines).toHaveLength(301);
  expect(lines.slice(0, -1).map(({ row }) => row)).toEqual(rows.map((_, i) => i + 1));
  for (const [i, { status, problem, deviceId }] of lines.slice(0, -1).entries()) {
    expect(status).toBe(i % 10 === 3 ? 'refused' : 'issued');
    if (i % 10 === 3) expect(problem.code).toBe('bad-pem');
    else expect(deviceId).toBe(`order-${i}`);
  }
  const { chain, ...summary } = lines.at(-1).summary;
  expect(summary).toEqual({
    batch: 'order',
    attempt: 1,
    rows: 300,
    issued: 270,
    replayed: 0,
    refused: 30,
    failed: 0,
  });
  expect(chain).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
  expect(await batchOf('order')).toMatchObject({ id: 'order', fleet: 'demo', state: 'complete' });
});

it('the same lot again gives the same certificates, as a further attempt', async () => {
  const rows = makeRows('again', 20).join('');
  const first = await sendLot(service, fleet, rows, { key: 'again' });
  const second = await sendLot(service, fleet, rows, { key: 'again' });
  const certificates = (lines: readonly { certificate?: string }[]) =>
    lines.map(({ certificate }) => certificate);
  expect(certificates(second.lines())).toEqual(certificates(first.lines()));
  expect(second.lines().at(-1).summary).toMatchObject({ attempt: 2, issued: 0, replayed: 20 });
});

it('a lot without a key gets an id of the service', async () => {
  const answer = await sendLot(service, fleet, '');
  expect(answer.lines()).toHaveLength(1);
  expect(answer.headers.location).toMatch(/^\/v1\/batches\/b-[0-9a-f]{24}$/);
});

it('equal rows in one lot give one certificate', async () => {
  const row = rowOf(makeDevice('equal').csr);
  const lines = (await sendLot(service, fleet, row.repeat(300))).lines();
  expect(new Set(lines.slice(0, -1).map(({ serial }) => serial)).size).toBe(1);
  expect(lines.at(-1).summary).toMatchObject({ issued: 1, replayed: 299 });
});

it('the same rows in two lots at one time give one certificate each', async () => {
  const rows = makeRows('twice', 200).join('');
  const [one, two] = await Promise.all([sendLot(service, fleet, rows), sendLot(service, fleet, rows)]);
  const serials = (lines: readonly { serial?: string }[]) => lines.slice(0, -1).map(({ serial }) => serial);
  expect(serials(one?.lines() ?? [])).toEqual(serials(two?.lines() ?? []));
  const counts = [one, two].map((answer) => answer?.lines().at(-1).summary.issued);
  expect(Number(counts[0]) + Number(counts[1])).toBe(200);
});

describe('a row that is at fault is refused by name, between two that are not:', () => {
  const key = makeKey();
  const pasted = key.pkcs8Pem;
  const { csr } = makeDevice('faulty');
  const base64 = Buffer.from(csr).toString('base64');
  const bad: readonly [string, string | Uint8Array, string][] = [
    ['over 64 KiB', `{"csr":"${'A'.repeat(65_536)}"}\n`, 'too-large'],
    ['over a MiB', `${'A'.repeat(1_200_000)}\n`, 'too-large'],
    [
      'not UTF-8',
      Buffer.concat([Buffer.from('{"csr":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]),
      'bad-row',
    ],
    ['no JSON', 'csr\n', 'bad-json'],
    ['an array', '[]\n', 'bad-json'],
    ['without a request', '{}\n', 'bad-json'],
    ['a name twice', `{"csr":"${base64}","csr":"${base64}"}\n`, 'bad-json'],
    ['__proto__', `{"csr":"${base64}","__proto__":{}}\n`, 'bad-json'],
    ['an authority of its own', `{"csr":"${base64}","authority":"root"}\n`, 'bad-json'],
    ['no base64', '{"csr":"?"}\n', 'bad-pem'],
    ['another device ID', `{"csr":"${base64}","deviceId":"else"}\n`, 'device-id-mismatch'],
    ['a profile that is not known', `{"csr":"${base64}","profile":"root"}\n`, 'profile-unknown'],
    ['supersede by a station', `{"csr":"${base64}","supersede":{"reason":"x"}}\n`, 'not-found'],
    ['a private key', `${JSON.stringify({ csr: pasted })}\n`, 'bad-pem'],
  ];
  it.each(bad)('%s', async (what, row, code) => {
    const [before, after] = makeRows(`around ${what.replace(/[^a-z ]/gi, '')}`.trim(), 2) as [string, string];
    const lot = Buffer.concat([before, row, after].map((one) => Buffer.from(one)));
    const lines = (await sendLot(service, fleet, lot)).lines();
    expect(lines.slice(0, 3).map(({ status }) => status)).toEqual(['issued', 'refused', 'issued']);
    expect(lines[1].problem.code).toBe(code);
  });
});

it('empty lines do not count, CR LF is a line end, and the last line needs none', async () => {
  const [one, two] = makeRows('ends', 2).map((row) => row.trimEnd());
  const lines = (await sendLot(service, fleet, `\n${one}\r\n\r\n  \n${two}`)).lines();
  expect(lines.slice(0, -1).map(({ row, status }) => [row, status])).toEqual([
    [1, 'issued'],
    [2, 'issued'],
  ]);
});

it('a private key that was pasted anywhere is in no answer, database, WAL or log', async () => {
  const keys = Array.from({ length: 6 }, () => makeKey('ed25519').pkcs8Pem);
  const csr = Buffer.from(makeDevice('pasted').csr).toString('base64');
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${csr}\n-----END CERTIFICATE REQUEST-----\n`;
  const rows = [
    { csr: keys[0] },
    { csr: pem + keys[1] },
    { csr, labels: { note: keys[2] } },
    { csr, deviceId: keys[3] },
    { csr, [String(keys[4])]: 'x' },
    { csr, supersede: { reason: keys[5] } },
  ];
  const lot = await sendLot(service, fleet, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  expect(lot.lines().at(-1).summary).toMatchObject({ rows: 6, refused: 6 });
  const singles = await Promise.all(rows.map((json) => requestCertificate(service, fleet, { json })));
  for (const { status } of singles) expect(status).toBeGreaterThanOrEqual(400);
  const raw = await requestCertificate(service, fleet, { body: pem + keys[1] });

  const places = (await octetsAtRest(service.database)).map((octets) => octets.toString('latin1'));
  const texts = [...places, service.log(), lot.text(), raw.text(), ...singles.map((single) => single.text())];
  for (const key of keys) {
    const secret = key.split('\n')[1] as string;
    for (const text of texts) expect(text.includes(secret)).toBe(false);
  }
});

describe('what is wrong with a lot as a whole is a problem before its first row:', () => {
  it.each([
    ['an unknown profile', { query: '?profile=nothing' }, 422, 'profile-unknown'],
    ['an unknown authority', { query: '?authority=nothing' }, 409, 'authority-not-active'],
    ['another media type', { type: 'application/json' }, 415, 'unsupported-media-type'],
    ['an answer that cannot be given', { accept: 'text/csv' }, 406, 'not-acceptable'],
    ['a key with a slash', { key: 'a/b' }, 400, 'bad-request'],
    ['a key that is too long', { key: 'a'.repeat(129) }, 400, 'bad-request'],
    ['an empty key', { key: '' }, 400, 'bad-request'],
  ] as const)('%s', async (_what, wish, status, code) => {
    const answer = await openLot(service, fleet, wish).finish();
    expect([answer.status, answer.code()]).toEqual([status, code]);
  });

  it('a key that another fleet has used, or another profile', async () => {
    await sendLot(service, other, '', { key: 'taken' });
    const answer = await sendLot(service, fleet, makeRows('taken', 1).join(''), { key: 'taken' });
    expect([answer.status, answer.code()]).toEqual([409, 'idempotency-key-reused']);
    await sendLot(service, fleet, '', { key: '"quoted"' });
    const named = await sendLot(service, fleet, '', { key: 'quoted', query: '?profile=device' });
    expect([named.status, named.code()]).toEqual([409, 'idempotency-key-reused']);
  });
});

it('results are read back in pages by after, of all attempts or of one, and equal the answer', async () => {
  const rows = makeRows('pages', 25).join('');
  const answer = await sendLot(service, fleet, rows, { key: 'pages' });
  await sendLot(service, fleet, rows, { key: 'pages' });
  const read: { seq: number; attempt: number; row: number }[] = [];
  for (let after = 0; ; ) {
    const page = await resultsOf('pages', `?after=${after}&limit=7`);
    const { next } = page.at(-1);
    read.push(...page.slice(0, -1));
    if (next === after) break;
    after = next;
  }
  expect(read.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  const first = read
    .filter(({ attempt }) => attempt === 1)
    .map(({ seq: _seq, attempt: _attempt, ...rest }) => rest);
  expect(first).toEqual(answer.lines().slice(0, -1));
  expect((await resultsOf('pages', '?attempt=2')).slice(0, -1)).toEqual(read.slice(25));
  expect(await resultsOf('pages', '?after=1000')).toEqual([{ next: 1000 }]);
});

it('a client that prefers its outcomes later has a short 202 when all is sent, and reads them afterwards', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => rowOf(makeDevice(`later-${i}`).csr));
  const answer = await sendLot(service, fleet, rows.join(''), {
    key: 'later',
    headers: { prefer: 'respond-async' },
  });
  expect(answer.status).toBe(202);
  expect(answer.headers.location).toBe('/v1/batches/later');
  expect(answer.headers['preference-applied']).toBe('respond-async');
  expect(answer.json()).toMatchObject({ id: 'later' });
  const state = async () =>
    (await service.call('GET', '/v1/batches/later', { token: fleet.tokens.auditor })).json().state;
  await expect.poll(state, { timeout: 20_000 }).toBe('complete');
  const results = await service.call('GET', '/v1/batches/later/results', { token: fleet.tokens.auditor });
  expect(results.lines().filter(({ status }) => status === 'issued')).toHaveLength(40);
});

it('a lot that is refused midway is a problem to a client that prefers its outcomes later', async () => {
  const answer = await sendLot(service, fleet, 'deviceId,nothing\nx,y\n', {
    type: 'text/csv',
    headers: { prefer: 'respond-async' },
  });
  expect([answer.status, answer.json().code]).toEqual([400, 'bad-lot']);
});
