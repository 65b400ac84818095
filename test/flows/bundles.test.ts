import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Entry, fromBuffer } from 'yauzl';
import { anyRoot, makeDevice, makeFleet, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;

interface Unzipped {
  readonly name: string;
  readonly mode: number;
  readonly content: string;
}

function unzip(zip: Buffer): Promise<readonly Unzipped[]> {
  const files: Unzipped[] = [];
  return new Promise((resolve, reject) => {
    fromBuffer(zip, { lazyEntries: true, strictFileNames: true }, (error, opened) => {
      if (error || !opened) return reject(error);
      opened.once('error', reject).once('end', () => resolve(files));
      opened.on('entry', (entry: Entry) => {
        opened.openReadStream(entry, async (failure, stream) => {
          if (failure || !stream) return reject(failure);
          const pieces: Buffer[] = [];
          stream.on('data', (piece) => pieces.push(piece));
          await once(stream, 'end');
          const mode = entry.externalFileAttributes >>> 16;
          files.push({ name: entry.fileName, mode, content: Buffer.concat(pieces).toString() });
          opened.readEntry();
        });
      });
      opened.readEntry();
    });
  });
}

const bundleOf = (deviceId: string) =>
  service.call('GET', `/v1/fleets/demo/devices/${encodeURIComponent(deviceId)}/bundle`, {
    token: fleet.tokens.station,
  });

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
});

afterAll(() => stopSound(service));

it('a bundle holds what a device imports, each file 0600, in one folder of 0700', async () => {
  const made = await requestCertificate(service, fleet, { body: makeDevice('dev-1').csr });
  const answer = await bundleOf('dev-1');
  expect(answer.headers['content-disposition']).toBe('attachment; filename="dev-1.zip"');
  const files = await unzip(answer.body);
  const contents = Object.fromEntries(files.map(({ name, content }) => [name, content]));
  expect(contents['dev-1/client.pem']).toBe(made.json().chain);
  expect(contents['dev-1/root.crt']).toBe(anyRoot(service));
  expect(contents['dev-1/gateway.url']).toBe('https://gateway.example.com:8000');
  expect(files.map(({ name }) => name).filter((name) => name.endsWith('.toml'))).toHaveLength(1);
  expect(files.map(({ name }) => name)).not.toContain('dev-1/pkey.pem');
  for (const { name, mode } of files) expect(mode & 0o777, name).toBe(name.endsWith('/') ? 0o700 : 0o600);
});

it('unzip reads it from its local headers too, with real sizes', async () => {
  const { body } = await bundleOf('dev-1');
  // Bit 3 of the flags would mean that sizes come after the content.
  expect(body.readUInt16LE(6) & 8).toBe(0);
  const zip = join(scratchFolder(), 'bundle.zip');
  writeFileSync(zip, body);
  const unzipCommand = (flag: string): string => execFileSync('unzip', [flag, zip], { encoding: 'utf8' });
  const list = unzipCommand('-l');
  expect(list).toContain('dev-1/client.pem');
  expect(unzipCommand('-t')).toContain('No errors');
});

it('the same bundle is the same octets, and the form of a request is that bundle', async () => {
  const [one, two] = [await bundleOf('dev-1'), await bundleOf('dev-1')];
  expect(one.body.equals(two.body)).toBe(true);
  const device = makeDevice('dev-zip');
  const made = await requestCertificate(service, fleet, { body: device.csr, accept: 'application/zip' });
  expect(made.status).toBe(201);
  expect(made.body.equals((await bundleOf('dev-zip')).body)).toBe(true);
});

describe('no device ID leaves its folder, in the zip or in the file name:', () => {
  it.each([
    'CON',
    'a:b',
    'dev 1',
    '=1+1',
    '<script>',
    'ü',
    '%2e%2e',
    '-rf',
    '$(id)',
    'a"b',
    '__proto__',
    '*',
  ])('%s', async (deviceId) => {
    const made = await requestCertificate(service, fleet, { body: makeDevice(deviceId).csr });
    expect(made.status).toBe(201);
    const answer = await bundleOf(deviceId);
    const [, name] =
      /filename="([A-Za-z0-9~._-]+)\.zip"/.exec(String(answer.headers['content-disposition'])) ?? [];
    expect(name).toMatch(/^[A-Za-z0-9~_][A-Za-z0-9~._-]*$/);
    for (const file of await unzip(answer.body)) expect(file.name).toMatch(/^[A-Za-z0-9~._-]+\/[a-z0-9.-]*$/);
    for (const file of await unzip(answer.body)) expect(file.name.startsWith(`${name}/`)).toBe(true);
  });
});

it('two devices never share a folder', async () => {
  const names: string[] = [];
  for (const deviceId of ['a~b', 'a b', 'a+b', 'a%20b']) {
    await requestCertificate(service, fleet, { body: makeDevice(deviceId).csr });
    names.push(String((await bundleOf(deviceId)).headers['content-disposition']));
  }
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(4);
});

it('a device without a live certificate, and a layout that is not known, have no bundle', async () => {
  const made = await requestCertificate(service, fleet, { body: makeDevice('dead').csr });
  const json = { reason: 'cessationOfOperation' };
  await service.call('POST', `${made.headers.location}/revoke`, { token: fleet.tokens.security, json });
  expect((await bundleOf('dead')).code()).toBe('not-found');
  const odd = await service.call('GET', '/v1/fleets/demo/devices/dev-1/bundle?layout=vms', {
    token: fleet.tokens.station,
  });
  expect([odd.status, odd.code()]).toEqual([400, 'bad-request']);
});

it('HEAD says what GET would, without the bundle', async () => {
  const answer = await service.call('HEAD', '/v1/fleets/demo/devices/dev-1/bundle', {
    token: fleet.tokens.station,
  });
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/zip']);
});
