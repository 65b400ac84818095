import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeDevice, makeFleet, type TestFleet } from '../support/fleet.ts';
import { openRaw, openRawPlain } from '../support/raw-connection.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
});

afterAll(() => stopSound(service));

const head = (first: string, headers: readonly string[]): string =>
  [first, 'Host: localhost', `Authorization: Bearer ${fleet.tokens.station}`, ...headers, '', ''].join(
    '\r\n',
  );
const post = (...headers: readonly string[]): string =>
  head('POST /v1/fleets/demo/certificates HTTP/1.1', ['Content-Type: application/pkcs10', ...headers]);

async function isServing(): Promise<void> {
  expect((await service.call('GET', '/readyz')).status).toBe(200);
}

/** Sends without end, and slowly enough that it is not the machine that is tested. */
async function sendEndlessly(write: (piece: string) => void, isOver: () => boolean): Promise<number> {
  const piece = 'A'.repeat(64 * 1024);
  let sent = 0;
  while (!isOver()) {
    write(piece);
    sent += piece.length;
    await sleep(10);
  }
  return sent;
}

it.concurrent('a body whose Content-Length is over the limit is refused before it comes', async () => {
  const connection = await openRaw(service);
  connection.write(post('Content-Length: 2147483648'));
  expect(await connection.answers(1)).toEqual([413]);
  expect(connection.received()).toContain('"code":"too-large"');
  // And it is cut after a while, however much comes.
  await sendEndlessly(connection.write, () => connection.socket.destroyed);
  expect(await connection.ended()).toBeLessThan(12_000);
  await isServing();
});

it.concurrent('an endless body in chunks is refused at the limit and cut', async () => {
  const connection = await openRaw(service);
  connection.write(post('Transfer-Encoding: chunked'));
  const write = (piece: string) => connection.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
  await sendEndlessly(write, () => connection.socket.destroyed);
  expect(connection.statuses()).toEqual([413]);
  expect(await connection.ended()).toBeLessThan(12_000);
  await isServing();
});

it.concurrent('a body that is longer than it says is not taken for a request that counts', async () => {
  const { csr } = makeDevice('liar');
  const connection = await openRaw(service);
  connection.write(post(`Content-Length: ${csr.length - 10}`));
  connection.write(csr);
  expect(await connection.answers(2)).toEqual([400, 400]);
  await connection.ended();
  const device = await service.call('GET', '/v1/fleets/demo/devices/liar', { token: fleet.tokens.station });
  expect(device.status).toBe(404);
});

it.concurrent('what follows a request and cannot be read does not take the place of its answer', async () => {
  const { csr } = makeDevice('followed');
  const connection = await openRaw(service);
  connection.write(post(`Content-Length: ${csr.length}`));
  connection.write(Buffer.concat([csr, Buffer.from('\0\0\0\0')]));
  await connection.ended();
  expect(connection.statuses()).toEqual([201, 400]);
});

it.concurrent('a chunk that cannot be read cuts the answer to a lot, and nothing stands in its middle', async () => {
  const connection = await openRaw(service);
  const headers = [
    'Content-Type: application/x-ndjson',
    'Transfer-Encoding: chunked',
    'Idempotency-Key: bad-chunk',
  ];
  connection.write(head('POST /v1/fleets/demo/batches HTTP/1.1', headers));
  expect(await connection.answers(1)).toEqual([200]);
  connection.write('zz\r\n');
  await connection.ended();
  expect(connection.statuses()).toEqual([200]);
  expect(connection.received()).not.toContain('400 Bad Request');
  await expect
    .poll(async () => {
      const batch = await service.call('GET', '/v1/batches/bad-chunk', { token: fleet.tokens.station });
      return batch.json().state;
    })
    .toBe('interrupted');
});

it.concurrent('a body that is shorter than it says is cut off after 30 seconds', async () => {
  const connection = await openRaw(service);
  connection.write(post('Content-Length: 1000'));
  connection.write('short');
  const took = await connection.ended();
  expect(connection.statuses()).toEqual([]);
  expect(took).toBeGreaterThan(25_000);
  expect(took).toBeLessThan(40_000);
});

it.concurrent('headers that take over 10 seconds are answered with 408', async () => {
  const connection = await openRaw(service);
  connection.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n');
  const drip = setInterval(() => connection.write('X-Drip: 1\r\n'), 1_000);
  const took = await connection.ended();
  clearInterval(drip);
  expect(connection.statuses()).toEqual([408]);
  expect(took).toBeGreaterThan(8_000);
  expect(took).toBeLessThan(15_000);
});

it.concurrent('headers that are too large are answered with 431', async () => {
  for (const open of [openRaw, openRawPlain]) {
    const connection = await open(service);
    connection.write(`GET /pki/demo/ HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`);
    await connection.ended();
    expect(connection.statuses()).toEqual([431]);
  }
});

it.concurrent.each([
  ['Content-Length and Transfer-Encoding', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
  ['Transfer-Encoding and Content-Length', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
  ['two Content-Lengths', ['Content-Length: 5', 'Content-Length: 6']],
  ['a list of Content-Lengths', ['Content-Length: 5, 6']],
  ['a signed Content-Length', ['Content-Length: +5']],
  ['a Content-Length in hex', ['Content-Length: 0x5']],
  ['chunked that is not last', ['Transfer-Encoding: chunked, identity']],
  ['a Transfer-Encoding that is not known', ['Transfer-Encoding: xchunked']],
  ['a space before the colon', ['Content-Length : 5']],
  ['a folded header', ['X-Fold: a', ' Transfer-Encoding: chunked']],
  ['a bare CR in a header', ['X-Bare: a\rTransfer-Encoding: chunked']],
  ['a NUL in a header', ['X-Nul: a\0b']],
])('smuggling by %s is refused, and what follows is no request', async (_what, headers) => {
  const connection = await openRaw(service);
  const inner = `GET /v1/fleets/demo/devices HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fleet.tokens.station}\r\n\r\n`;
  connection.write(`${post(...headers)}0\r\n\r\n${inner}`);
  await connection.ended();
  expect(connection.statuses()).not.toContain(200);
  expect(connection.statuses().every((status) => status >= 400 && status < 500)).toBe(true);
  expect(connection.statuses().length).toBeLessThanOrEqual(1);
});

it.concurrent('a chunk that lies about its length ends the connection', async () => {
  const connection = await openRaw(service);
  connection.write(`${post('Transfer-Encoding: chunked')}5\r\nABCDEFGH\r\n0\r\n\r\n`);
  await connection.ended();
  expect(connection.statuses().every((status) => status === 400)).toBe(true);
});

it.concurrent('what is no HTTP at all is answered with 400 and ends', async () => {
  for (const octets of [
    '\0\0\0\0\r\n\r\n',
    'HELO there\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'BREW /pot HTTP/1.1\r\n\r\n',
  ]) {
    const connection = await openRaw(service);
    connection.write(octets);
    await connection.ended();
    expect(connection.statuses()).toEqual([400]);
  }
});

it.concurrent('plain HTTP on the TLS port, and TLS on the plain one, end without harm', async () => {
  const crossed = { ...service, publicUrl: service.apiUrl };
  const connection = await openRawPlain(crossed);
  connection.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await connection.ended();
  expect(connection.statuses()).toEqual([]);
  await expect(openRaw({ ...service, apiUrl: String(service.publicUrl) })).rejects.toThrow();
  await isServing();
});

it.concurrent('a request without Host is refused, an absolute URI is its path and no proxy call', async () => {
  const bare = await openRaw(service);
  bare.write('GET /healthz HTTP/1.1\r\n\r\n');
  expect(await bare.answers(1)).toEqual([400]);

  const absolute = await openRaw(service);
  absolute.write(head('GET https://evil.example/v1/fleets/demo/devices HTTP/1.1', ['Connection: close']));
  await absolute.ended();
  expect(absolute.statuses()).toEqual([200]);
  const nowhere = await openRaw(service);
  nowhere.write(head('GET http://evil.example/ HTTP/1.1', ['Connection: close']));
  await nowhere.ended();
  expect(nowhere.statuses()).toEqual([404]);
});

it.concurrent('CONNECT, TRACE and Upgrade lead nowhere', async () => {
  const tunnel = await openRaw(service);
  tunnel.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n');
  await tunnel.ended();
  expect(tunnel.statuses().every((status) => status >= 400)).toBe(true);

  const trace = await openRaw(service);
  trace.write(head('TRACE /v1/fleets/demo/devices HTTP/1.1', ['Connection: close']));
  await trace.ended();
  expect(trace.statuses()).toEqual([405]);
  expect(trace.received()).not.toContain(fleet.tokens.station);

  const upgrade = await openRaw(service);
  upgrade.write(head('GET /v1/fleets/demo/devices HTTP/1.1', ['Connection: Upgrade', 'Upgrade: websocket']));
  expect(await upgrade.answers(1)).toEqual([200]);
  upgrade.socket.destroy();
});

it.concurrent('who waits for 100 Continue gets the refusal instead, or is let in', async () => {
  const refused = await openRaw(service);
  refused.write(post('Content-Length: 99999999', 'Expect: 100-continue'));
  expect(await refused.answers(1)).toEqual([413]);
  expect(refused.received()).not.toContain('100 Continue');
  await refused.ended();

  const { csr } = makeDevice('patient');
  const taken = await openRaw(service);
  taken.write(post(`Content-Length: ${csr.length}`, 'Expect: 100-continue', 'Connection: close'));
  while (!taken.received().includes('100 Continue')) await sleep(10);
  taken.write(csr);
  expect(await taken.answers(1)).toEqual([201]);
});

it.concurrent('requests in one pipeline are answered in their order', async () => {
  const connection = await openRaw(service);
  const get = (path: string): string => head(`GET ${path} HTTP/1.1`, []);
  connection.write(get('/v1/fleets/demo/devices') + get('/v1/nowhere') + get('/healthz'));
  expect(await connection.answers(3)).toEqual([200, 404, 200]);
  connection.socket.destroy();
});

it.concurrent('a hundred connections that send nothing keep nobody out', async () => {
  const idle = await Promise.all(Array.from({ length: 100 }, () => openRaw(service)));
  await isServing();
  for (const { socket } of idle) socket.destroy();
});
