import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeDevice, makeFleet, rowOf, type TestFleet } from '../support/fleet.ts';
import { openLot, sendLot } from '../support/lot-upload.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
});

afterAll(() => stopSound(service));

const batchOf = async (id: string) => {
  const answer = await service.call('GET', `/v1/batches/${id}`, { token: fleet.tokens.auditor });
  return answer.status === 200 ? answer.json() : undefined;
};
const stateOf = async (id: string) => (await batchOf(id))?.state;
const makeRows = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => rowOf(makeDevice(`${prefix}-${i}`).csr));
/** A row that is padded with white space: the lot is as large as one of many devices, and as quickly made. */
const padded = (octets: number): string => {
  const row = rowOf(makeDevice('padded').csr);
  return `{${' '.repeat(octets - row.length)}${row.slice(1)}`;
};

it('a client that sends over 30 MB before it reads an octet does not stall, and then gets every outcome', async () => {
  const upload = openLot(service, fleet, { key: 'unread' });
  const piece = padded(3_500).repeat(100);
  for (let sent = 0; sent < 9_000; sent += 100) await upload.write(piece);
  // The answer's head has come; its body waits in the store, not in memory.
  await upload.opened;
  upload.request.end();
  await expect.poll(() => stateOf('unread'), { timeout: 90_000, interval: 500 }).toBe('complete');
  const lines = (await upload.finish()).lines();
  expect(lines).toHaveLength(9_001);
  expect(lines.at(-1).summary).toMatchObject({ rows: 9_000, issued: 1, replayed: 8_999 });
});

it('a client that reads slowly gets all, and others are served meanwhile', async () => {
  const upload = openLot(service, fleet, { key: 'slow' });
  await upload.write(padded(600).repeat(3_000));
  upload.request.end();
  const incoming = await upload.opened;
  let text = '';
  for await (const piece of incoming) {
    text += piece;
    await sleep(5);
    expect((await service.call('GET', '/healthz')).status).toBe(200);
  }
  expect(text.split('\n')).toHaveLength(3_002);
});

it('outcomes come while the upload runs', async () => {
  const upload = openLot(service, fleet);
  const [one, two] = makeRows('live', 2) as [string, string];
  await upload.write(one);
  const incoming = await upload.opened;
  const first = await new Promise<Buffer>((resolve) => incoming.once('data', resolve));
  expect(JSON.parse(first.toString())).toMatchObject({ row: 1, status: 'issued' });
  await upload.write(two);
  upload.request.end();
  let rest = '';
  for await (const piece of incoming) rest += piece;
  expect(rest.split('\n')).toHaveLength(3);
});

it('a client that hangs up in the middle leaves an interrupted lot, and the same lot again completes it', async () => {
  const rows = makeRows('cut', 600);
  const upload = openLot(service, fleet, { key: 'cut' });
  await upload.write(rows.slice(0, 400).join(''));
  await upload.write((rows[400] as string).slice(0, 100));
  await expect
    .poll(async () => (await batchOf('cut'))?.attempts[0].rows, { timeout: 30_000 })
    .toBeGreaterThan(127);
  upload.hangUp();
  await expect.poll(() => stateOf('cut'), { timeout: 30_000 }).toBe('interrupted');

  const lines = (await sendLot(service, fleet, rows.join(''), { key: 'cut' })).lines();
  const { issued, replayed, attempt } = lines.at(-1).summary;
  expect([issued + replayed, attempt]).toEqual([600, 2]);
  expect(replayed).toBeGreaterThan(127);
  expect(await stateOf('cut')).toBe('complete');
  for (const i of [0, 399, 400, 599]) {
    const device = await service.call('GET', `/v1/fleets/demo/devices/cut-${i}`, {
      token: fleet.tokens.auditor,
    });
    expect(device.json().certificates).toHaveLength(1);
  }
});

it('a client that hangs up after it has sent everything finds the lot complete', async () => {
  const upload = openLot(service, fleet, { key: 'gone' });
  await upload.write(makeRows('gone', 300).join(''));
  upload.request.end();
  const incoming = await upload.opened;
  await new Promise((resolve) => incoming.once('data', resolve));
  upload.hangUp();
  await expect.poll(() => stateOf('gone'), { timeout: 30_000 }).not.toBe('receiving');
  const results = await service.call('GET', '/v1/batches/gone/results', { token: fleet.tokens.auditor });
  expect(await stateOf('gone')).toBe('complete');
  expect(results.lines()).toHaveLength(301);
});

it('single requests are answered while a lot runs', async () => {
  const upload = openLot(service, fleet);
  await upload.write(makeRows('busy', 1_000).join(''));
  for (let n = 0; n < 10; n++) {
    const before = performance.now();
    const answer = await service.call('POST', '/v1/fleets/demo/certificates', {
      token: fleet.tokens.station,
      type: 'application/pkcs10',
      body: makeDevice(`beside-${n}`).csr,
    });
    expect(answer.status).toBe(201);
    expect(performance.now() - before).toBeLessThan(3_000);
  }
  expect((await upload.finish()).lines().at(-1).summary.issued).toBe(1_000);
});
