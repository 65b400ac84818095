import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { call, FLEET, makeFleet, openRequest, requestOne } from './calls.ts';
import { type LotRow, makeLot } from './lot.ts';
import { cleanUp, makeFolder, type ServiceProcess, startService } from './service-process.ts';

afterEach(cleanUp);

/** The longest that one of some single requests took, ms. */
async function slowest(service: ServiceProcess, token: string, rows: readonly LotRow[]): Promise<number> {
  let most = 0;
  for (const { csr } of rows) {
    const began = performance.now();
    expect((await requestOne(service, token, csr)).status).toBe(201);
    most = Math.max(most, performance.now() - began);
  }
  return most;
}

/** Far over what a request takes on a busy machine, far under what a client that holds things up would cost. */
const QUICK_MS = 5_000;

test('a client that reads nothing stops neither the intake of its lot nor anybody else', async () => {
  const service = await startService({ data: makeFolder(), transport: 'http' });
  const { station } = await makeFleet(service);
  const rows = makeLot(2_500, 'lot');
  const req = openRequest(service, `/v1/fleets/${FLEET}/batches`, {
    method: 'POST',
    agent: false,
    headers: {
      authorization: `Bearer ${station}`,
      'content-type': 'application/x-ndjson',
      'idempotency-key': 'unread',
    },
  });
  const answered = once(req, 'response');
  req.end(rows.map(({ line }) => line).join(''));
  const [res] = await answered;
  res.pause();
  for (let state = 'receiving'; state === 'receiving'; await sleep(100)) {
    ({ state } = (await call(service, { path: '/v1/batches/unread', token: station })).json);
    expect(['receiving', 'complete']).toContain(state);
  }
  // The answer still stands there, unread, with a page of it in memory.
  expect(await slowest(service, station, makeLot(10, 'single'))).toBeLessThan(QUICK_MS);
  // All is on record; the answer goes on from there when somebody reads it.
  const lines = Buffer.concat(await res.toArray())
    .toString('utf8')
    .trim()
    .split('\n');
  expect(lines).toHaveLength(rows.length + 1);
  expect(JSON.parse(lines.at(-1) ?? '').summary.rows).toBe(rows.length);
  await service.stop();
});

test('clients that send an octet a second slow nobody', async () => {
  const service = await startService({ data: makeFolder(), transport: 'http' });
  const { station } = await makeFleet(service);
  const head = `POST /v1/fleets/${FLEET}/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${station}\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n`;
  // Half of them are slow from the request line on, half in the body.
  const slow = Array.from({ length: 20 }, (_, i) => {
    const socket = connect(Number(service.url.port), service.url.hostname);
    socket.on('error', () => undefined).resume();
    if (i % 2 === 0) socket.write(head);
    let at = 0;
    const drip = setInterval(() => socket.write(i % 2 === 0 ? 'x' : (head[at++] ?? '')), 1_000);
    socket.on('close', () => clearInterval(drip));
    return socket;
  });
  try {
    await sleep(2_000);
    expect(await slowest(service, station, makeLot(20, 'single'))).toBeLessThan(QUICK_MS);
  } finally {
    for (const socket of slow) socket.destroy();
  }
  await service.stop();
});
