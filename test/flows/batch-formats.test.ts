/** Lots in every form over the wire, and what comes back in other forms. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBufferPromise } from 'yauzl';
import { encodePem } from '../../src/asn1/index.ts';
import { zipOf } from '../archive/zip-octets.ts';
import { tarOf } from '../batch/formats/tar-octets.ts';
import { makeDevice, makeFleet, rowOf, type TestFleet } from '../support/fleet.ts';
import { type LotWish, openLot, sendLot } from '../support/lot-upload.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
});

afterAll(() => stopSound(service));

const csrOf = (deviceId: string): Buffer => Buffer.from(makeDevice(deviceId).csr);
const pemOf = (deviceId: string): string => encodePem('CERTIFICATE REQUEST', csrOf(deviceId));
const send = async (octets: string | Uint8Array, wish: LotWish) =>
  (await sendLot(service, fleet, octets, wish)).lines();
// biome-ignore lint/suspicious/noExplicitAny: its form was held against openapi.yaml
const said = (lines: readonly any[]) =>
  lines.map((line) => (line.summary ? 'end' : [line.row, line.deviceId, line.problem?.code ?? line.status]));
const get = (target: string, accept?: string) =>
  service.call('GET', target, { token: fleet.tokens.auditor, ...(accept === undefined ? {} : { accept }) });

/** A tar.gz as a factory's script makes it. */
function systemTar(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const root = scratchFolder();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return execFileSync('tar', ['-C', root, '--sort=name', '-czf', '-', '.']);
}

describe('a lot is issued', () => {
  it('as CSV, with PEM over lines, base64, labels and a row that is at fault', async () => {
    const lines = [
      'deviceId,csr,label:line,notAfter',
      `csv-1,"${pemOf('csv-1')}",7,`,
      `,${csrOf('csv-2').toString('base64')},,2030-01-01T00:00:00Z`,
      'csv-3,AAAA',
      `csv-4,${csrOf('another').toString('base64')},7,`,
    ];
    const answer = await send(lines.join('\r\n'), { type: 'text/csv; charset=utf-8' });
    expect(said(answer)).toEqual([
      [1, 'csv-1', 'issued'],
      [2, 'csv-2', 'issued'],
      [3, null, 'bad-row'],
      [4, 'csv-4', 'device-id-mismatch'],
      'end',
    ]);
    const device = (await get('/v1/fleets/demo/devices/csv-1')).json();
    expect(device.certificates[0].labels).toEqual({ line: '7' });
    expect((await get('/v1/fleets/demo/devices/csv-2')).json().certificates[0].notAfter).toBe(
      '2030-01-01T00:00:00Z',
    );
  });

  it.each(['application/gzip', 'application/x-gtar'])(
    'as tar.gz of files, PEM and DER (%s)',
    async (type) => {
      const prefix = type.replace(/\W/g, '-');
      const lot = systemTar({
        'a.csr': pemOf(`${prefix}-a`),
        'line/b.der': csrOf(`${prefix}-b`),
        'readme.md': 'no',
      });
      expect(said(await send(lot, { type }))).toEqual([
        [1, `${prefix}-a`, 'issued'],
        [2, `${prefix}-b`, 'issued'],
        [3, null, 'bad-row'],
        'end',
      ]);
    },
  );

  it('as tar whose names are the device IDs: a request of another name is refused', async () => {
    const lot = tarOf(
      { name: 'tar-1.csr', content: csrOf('tar-1') },
      { name: 'tar-2.csr', content: csrOf('tar-3') },
      { name: '../tar-4.csr', content: csrOf('tar-4') },
    );
    expect(said(await send(lot, { type: 'application/x-tar', query: '?ids=name' }))).toEqual([
      [1, 'tar-1', 'issued'],
      [2, 'tar-2', 'device-id-mismatch'],
      [3, null, 'bad-row'],
      'end',
    ]);
  });

  it('as zip, which leaves nothing in the data folder', async () => {
    const entries = Array.from({ length: 300 }, (_, i) => ({
      name: `zip-${i}.csr`,
      content: csrOf(`zip-${i}`),
    }));
    const answer = await send(zipOf(entries), { type: 'application/zip', query: '?ids=name', key: 'zip' });
    expect(answer.at(-1).summary).toMatchObject({ batch: 'zip', rows: 300, issued: 300 });
    const tmp = join(service.data, 'tmp');
    expect(readdirSync(tmp)).toEqual([]);
    expect(statSync(tmp).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['NDJSON', 'application/x-ndjson', () => rowOf(csrOf('gz-ndjson'))],
    ['CSV', 'text/csv', () => `csr\n${csrOf('gz-csv').toString('base64')}\n`],
    ['tar', 'application/x-tar', () => tarOf({ name: 'a.csr', content: csrOf('gz-tar') })],
  ] as const)('as %s with gzip on the wire', async (_what, type, make) => {
    const lines = await send(gzipSync(make()), { type, headers: { 'content-encoding': 'gzip' } });
    expect(lines.at(-1).summary).toMatchObject({ rows: 1, issued: 1 });
  });
});

describe('a lot that is refused midway has its problem last, and what came before stands:', () => {
  const bomb = (): Buffer =>
    gzipSync(Buffer.concat([Buffer.from(rowOf(csrOf('bomb'))), Buffer.alloc(64 * 1024 * 1024, 0x20)]));
  it.each([
    ['a gzip bomb', bomb, { headers: { 'content-encoding': 'gzip' } }, 'too-large'],
    [
      'a tar that is cut off',
      () => tarOf({ name: 'a.csr', content: csrOf('cut') }).subarray(0, 1024),
      { type: 'application/x-tar' },
      'bad-lot',
    ],
    [
      'a CSV with an open quote',
      () => `csr\n${csrOf('quote').toString('base64')}\n"`,
      { type: 'text/csv' },
      'bad-lot',
    ],
    ['a million empty rows and one', () => rowOf(csrOf('blank')) + '\n'.repeat(1_100_000), {}, 'too-large'],
  ] as const)('%s', async (what, make, wish, code) => {
    const key = what.replaceAll(' ', '-');
    const lines = await send(make(), { ...wish, key });
    expect(said(lines.slice(0, -1)).map((line) => (line as unknown[])[2])).toEqual(['issued']);
    expect(lines.at(-1).problem).toMatchObject({ code });
    expect((await get(`/v1/batches/${key}`)).json()).toMatchObject({ state: 'interrupted' });
  });
});

describe('what is wrong with a lot before its first row is a plain problem:', () => {
  it.each([
    ['a zip that is none', 'PK', { type: 'application/zip' }, 400, 'bad-lot'],
    [
      'a zip over its size',
      '',
      { type: 'application/zip', headers: { 'content-length': String(2 ** 30) } },
      413,
      'too-large',
    ],
    [
      'gzip around a zip',
      'x',
      { type: 'application/zip', headers: { 'content-encoding': 'gzip' } },
      415,
      'unsupported-media-type',
    ],
    ['another coding', 'x', { headers: { 'content-encoding': 'br' } }, 415, 'unsupported-media-type'],
    ['ids of what has no names', 'x', { type: 'text/csv', query: '?ids=name' }, 400, 'bad-request'],
    [
      'ids of nothing that is known',
      'x',
      { type: 'application/zip', query: '?ids=both' },
      400,
      'bad-request',
    ],
  ] as const)('%s', async (_what, octets, wish, status, code) => {
    const upload = openLot(service, fleet, wish);
    upload.request.on('error', () => undefined);
    if (octets !== '') await upload.write(octets);
    const answer = await (octets === '' ? readHead(upload) : upload.finish());
    expect(answer).toMatchObject({ status });
    if ('code' in answer) expect(answer.code()).toBe(code);
  });

  /** Of an upload that will not be sent as announced. */
  async function readHead(upload: ReturnType<typeof openLot>) {
    const { statusCode: status } = await upload.opened;
    upload.hangUp();
    return { status };
  }
});

describe('the outcomes of a lot afterwards', () => {
  const devices = ['out-1', 'ÖUT 2', 'out-3', 'out-4'];
  beforeAll(async () => {
    const rows = devices.map((id) => rowOf(csrOf(id)));
    await send([...rows, '{"csr":"AAAA","deviceId":"=1+1"}\n', rows[0]].join(''), { key: 'out:1' });
    const { certificates } = (await get('/v1/fleets/demo/devices/out-4')).json();
    const revoked = await service.call('POST', `/v1/certificates/${certificates[0].id}/revoke`, {
      token: fleet.tokens.security,
      json: { reason: 'keyCompromise' },
    });
    expect(revoked.status).toBe(200);
  });

  it('as CSV name each row, and no cell is a formula', async () => {
    const answer = await get('/v1/batches/out:1/results?after=0', 'text/csv');
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
    const records = answer.text().split('\r\n');
    expect(records).toHaveLength(8);
    expect(records[0]).toBe(
      'seq,attempt,row,deviceId,status,serial,certificate,envelope,code,detail,warnings',
    );
    expect(records[1]).toMatch(/^1,1,1,out-1,issued,[0-9a-f]{32},MII[A-Za-z0-9+/=]+,,,,/);
    expect(records[5]).toMatch(/^5,1,5,'=1\+1,refused,,,,bad-pem,/);
    expect((await get('/v1/batches/out:1/results', 'application/pdf')).status).toBe(406);
  });

  const names = ['out-1', 'out-3', expect.stringMatching(/^~[0-9a-f]{64}$/)];

  it.each(['', '?gzip'])('as tar%s hold a folder for each device with a live certificate', async (query) => {
    const answer = await get(`/v1/batches/out:1/bundles.tar${query}`);
    expect(answer.status).toBe(200);
    const folder = scratchFolder();
    execFileSync('tar', ['-C', folder, query === '' ? '-xpf' : '-xzpf', '-'], { input: answer.body });
    expect(readdirSync(folder).sort()).toEqual(names);
    const files = readdirSync(join(folder, 'out-1')).sort();
    expect(files).toEqual(['20-sota-device-cred.toml', 'client.pem', 'gateway.url', 'root.crt']);
    for (const file of files) expect(statSync(join(folder, 'out-1', file)).mode & 0o777).toBe(0o600);
    const pem = readFileSync(join(folder, 'out-1', 'client.pem'), 'latin1');
    expect(pem).toContain((await get('/v1/fleets/demo/devices/out-1')).json().certificates[0].certificate);
  });

  it('as zip hold the same', async () => {
    const answer = await get('/v1/batches/out:1/bundles.zip');
    expect(answer.headers['content-disposition']).toBe('attachment; filename="out_1.zip"');
    const found = new Set<string>();
    for await (const { fileName } of (await fromBufferPromise(answer.body)).eachEntry()) {
      found.add(fileName.split('/')[0] ?? '');
    }
    expect([...found].sort()).toEqual(names);
  });

  it('of a fleet without a gateway have no bundles, and of another fleet are not there', async () => {
    const bare = await makeFleet(service, 'bare', { gatewayUrl: null });
    await sendLot(service, bare, rowOf(csrOf('bare-1')), { key: 'bare' });
    const ask = (token: string) => service.call('GET', '/v1/batches/bare/bundles.tar', { token });
    expect((await ask(bare.tokens.station)).code()).toBe('bundle-unfit');
    expect((await ask(fleet.tokens.station)).status).toBe(404);
  });
});
