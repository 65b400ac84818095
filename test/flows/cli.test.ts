/** The `fleetca` command as people and scripts run it: processes, files, exit statuses. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePem } from '../../src/asn1/index.ts';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { makeCsr, makeKey } from '../support/csr.ts';
import { makeRecipient } from '../support/recipient.ts';
import type { Facts } from '../support/service.ts';
import { scratchFolder } from '../support/service.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));
const work = scratchFolder();
const data = join(work, 'data');
const at = (name: string): string => join(work, name);

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly octets: Buffer;
  readonly err: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the command printed
  json(): any;
}

let url = '';

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [PROGRAM, ...args], {
    cwd: work,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, FLEETCA_DATA: data, ...(url === '' ? {} : { FLEETCA_URL: url }), ...env },
  });
}

async function runWith({ env = {}, input = '' }: Surroundings, ...args: readonly string[]): Promise<Ran> {
  const child = start(args, env);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (piece) => out.push(piece));
  child.stderr?.on('data', (piece) => err.push(piece));
  child.stdin?.on('error', () => undefined).end(input);
  const [status] = await once(child, 'close');
  const octets = Buffer.concat(out);
  return {
    status,
    out: octets.toString(),
    octets,
    err: Buffer.concat(err).toString(),
    json: () => JSON.parse(octets.toString()),
  };
}

const run = (...args: readonly string[]): Promise<Ran> => runWith({}, ...args);
const as = (token: string): Surroundings => ({ env: { FLEETCA_TOKEN_FILE: at(token) } });

/** Runs a command that must work out. */
async function must(surroundings: Surroundings, ...args: readonly string[]): Promise<Ran> {
  const ran = await runWith(surroundings, ...args);
  if (ran.status !== 0) throw new Error(`fleetca ${args.join(' ')}: ${ran.status}\n${ran.err}`);
  return ran;
}

async function serve(): Promise<{ readonly facts: Facts; readonly child: ChildProcess }> {
  const child = start([
    'serve',
    '--json',
    '--data',
    data,
    '--api-port',
    '0',
    '--mutual-port',
    'off',
    '--public-port',
    'off',
    '--log-level',
    'warn',
  ]);
  let line = '';
  let err = '';
  child.stderr?.on('data', (piece) => {
    err += piece;
  });
  for await (const piece of child.stdout ?? []) {
    line += piece;
    if (line.includes('\n')) return { facts: JSON.parse(line), child };
  }
  throw new Error(`the service did not start:\n${err}`);
}

async function end(child: ChildProcess): Promise<number | null> {
  child.kill('SIGTERM');
  const [status] = await once(child, 'exit');
  return status;
}

const csrPem = (deviceId: string): string => encodePem('CERTIFICATE REQUEST', makeCsr({ deviceId }));

let facts: Facts;
let service: ChildProcess;

beforeAll(async () => {
  ({ facts, child: service } = await serve());
  url = facts.apiUrl;
  writeFileSync(at('gateway.pem'), readFileSync(String(facts.caFile)));
  await must(
    {},
    ...['fleet', 'create', 'demo', '--target', 'generic', '--gateway-root', 'gateway.pem'],
    ...['--gateway-url', 'https://gw.example.com:8000'],
  );
  await must({}, 'token', 'create', '--name', 'team', '--role', 'security', '--out', 'security');
  await must(
    {},
    'token',
    'create',
    '--name',
    'l7',
    '--role',
    'station',
    '--fleet',
    'demo',
    '--out',
    'station',
  );
  await must(as('security'), 'authority', 'create', 'root', '--fleet', 'demo', '--kind', 'root');
  await must(as('security'), 'authority', 'create', 'line-7', '--fleet', 'demo', '--kind', 'issuing');
});

afterAll(async () => {
  service.kill('SIGKILL');
});

describe('the first start', () => {
  it('says what it made, in one line of JSON', () => {
    expect(facts.apiUrl).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(facts.created.length).toBeGreaterThan(0);
    expect(facts.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  it('keeps a second service out of its data folder', async () => {
    const second = await run(
      'serve',
      '--data',
      data,
      '--api-port',
      '0',
      '--mutual-port',
      'off',
      '--public-port',
      'off',
    );
    expect(second.status).toBe(6);
    expect(second.err).toContain('fleetca: busy: ');
    expect(second.out).toBe('');
  });
});

describe('tokens', () => {
  it('go into a file that only its owner reads, and never over another', async () => {
    expect(statSync(at('security')).mode & 0o777).toBe(0o600);
    expect(readFileSync(at('security'), 'latin1')).toMatch(/^fca_[0-9a-f]{16}_[\w-]{43}\n$/);
    const again = await run('token', 'create', '--name', 'x', '--role', 'auditor', '--out', 'security');
    expect(again.status).toBe(2);
  });

  it('are shown alone on stdout, and are worth nothing when they were revoked', async () => {
    const made = await must({}, 'token', 'create', '--name', 'x', '--role', 'auditor');
    const token = made.out.trim();
    expect(made.out).toMatch(/^fca_[^\n]+\n$/);
    expect((await runWith({ env: { FLEETCA_TOKEN: token } }, 'fleet', 'list')).status).toBe(0);
    await must({}, 'token', 'revoke', token.slice(4, 20));
    const refused = await runWith({ env: { FLEETCA_TOKEN: token } }, 'fleet', 'list');
    expect(refused.status).toBe(4);
    expect(refused.err).toMatch(/^fleetca: unauthenticated: /);
  });
});

describe('keys that the service makes', () => {
  const recipient = makeRecipient();
  afterAll(recipient.remove);

  it('come once for a device, into files that only their owner reads', async () => {
    const made = await must(
      as('station'),
      'device',
      'create',
      'made-1',
      '--fleet',
      'demo',
      '--out',
      'made-1',
    );
    expect(made.out + made.err).not.toContain('PRIVATE KEY');
    expect(statSync(at('made-1/pkey.pem')).mode & 0o777).toBe(0o600);
    const certificate = new X509Certificate(readFileSync(at('made-1/client.pem')));
    expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(at('made-1/pkey.pem'))))).toBe(true);
    const create = ['device', 'create', 'made-1', '--fleet', 'demo', '--out'];
    expect((await runWith(as('station'), ...create, 'made-1')).status).toBe(2);
    const lost = await runWith(as('station'), ...create, 'elsewhere');
    expect([lost.status, lost.err]).toEqual([5, expect.stringMatching(/^fleetca: key-not-recoverable: /)]);
  });

  it('come in envelopes for a recipient, by the lot too, until they are acknowledged', async () => {
    writeFileSync(at('line.crt'), recipient.pem);
    const sealed = ['--fleet', 'demo', '--recipient', 'line.crt', '--key-algorithm', 'ec-p384'];
    await must(as('station'), 'device', 'create', 'made-2', ...sealed, '--out', 'made-2');
    const key = recipient.open(readFileSync(at('made-2/pkey.cms'), 'latin1'));
    const certificate = new X509Certificate(readFileSync(at('made-2/client.pem')));
    const opened = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    expect(certificate.checkPrivateKey(opened)).toBe(true);

    writeFileSync(at('ids.ndjson'), '{"deviceId":"made-3"}\n{"deviceId":"made-4"}\n');
    const submit = ['batch', 'submit', 'ids.ndjson', ...sealed, '--id', 'lot-made', '--out', 'made.ndjson'];
    await must(as('station'), ...submit);
    const lines = readFileSync(at('made.ndjson'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).envelope)).toEqual(
      Array(2).fill(expect.stringContaining('CMS')),
    );
    const nobody = await runWith(as('station'), 'batch', 'resume', 'lot-made', 'ids.ndjson');
    expect([nobody.status, nobody.err]).toEqual([2, expect.stringContaining('--recipient')]);
    const acknowledge = ['batch', 'acknowledge', 'lot-made', '--through'];
    const done = await must(as('station'), ...acknowledge, '2', '--json');
    expect(done.json()).toEqual({ id: 'lot-made', acknowledged: 2, dropped: 2 });
    expect((await runWith(as('station'), ...acknowledge, '3')).status).toBe(2);
  });
});

describe('one certificate', () => {
  it('comes as a chain on stdout, and again when it is asked for again', async () => {
    writeFileSync(at('dev-1.csr'), csrPem('dev-1'));
    const first = await must(as('station'), 'issue', 'dev-1.csr', '--fleet', 'demo', '--label', 'line=7');
    expect(first.out.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(new X509Certificate(first.out).subject).toBe('CN=dev-1');
    expect(first.err).toMatch(/^issued [0-9a-f]{64}\n$/);
    const input = readFileSync(at('dev-1.csr'));
    const again = await must({ ...as('station'), input }, 'issue', '--fleet', 'demo');
    expect(again.out).toBe(first.out);
    expect(again.err).toMatch(/^replayed /);
  });

  it('comes in each form', async () => {
    const der = await must(as('station'), 'issue', 'dev-1.csr', '--fleet', 'demo', '--form', 'der');
    expect(new X509Certificate(der.octets).subject).toBe('CN=dev-1');
    const json = await must(as('station'), 'issue', 'dev-1.csr', '--fleet', 'demo', '--json');
    expect(json.json()).toMatchObject({ deviceId: 'dev-1', labels: { line: '7' }, status: 'active' });
    await must(as('station'), 'issue', 'dev-1.csr', '--fleet', 'demo', '--form', 'zip', '--out', 'dev-1.zip');
    await must(as('station'), 'bundle', 'dev-1', '--fleet', 'demo', '--out', 'bundle.zip');
    expect(readFileSync(at('bundle.zip')).equals(readFileSync(at('dev-1.zip')))).toBe(true);
    expect(statSync(at('bundle.zip')).mode & 0o777).toBe(0o600);
  });

  it('is refused with the code on stderr, nothing on stdout, and its exit status', async () => {
    const conflict = await runWith(
      { ...as('station'), input: csrPem('dev-1') },
      ...['issue', '--fleet', 'demo'],
    );
    expect(conflict).toMatchObject({ status: 5, out: '' });
    expect(conflict.err).toMatch(/^fleetca: device-has-other-key: .*\n {2}hint: /);
    const mismatch = await runWith(
      as('station'),
      ...['issue', 'dev-1.csr', '--fleet', 'demo', '--device-id', 'x', '--json'],
    );
    expect(mismatch).toMatchObject({ status: 3, out: '' });
    expect(JSON.parse(mismatch.err).error).toMatchObject({ code: 'device-id-mismatch', exitStatus: 3 });
    const denied = await run('issue', 'dev-1.csr', '--fleet', 'demo');
    expect(denied.status).toBe(4);
  });

  it('is never asked for with the private key', async () => {
    const key = makeKey();
    const input = key.pkcs8Pem + encodePem('CERTIFICATE REQUEST', makeCsr({ deviceId: 'k', key }));
    const refused = await runWith({ ...as('station'), input }, 'issue', '--fleet', 'demo');
    expect(refused.status).toBe(2);
    expect(refused.err).toContain('was not sent');
    expect(refused.err).not.toContain('BEGIN');
  });
});

describe('a lot', () => {
  it('of a folder goes through row by row, and one refused row shows in the exit status', async () => {
    mkdirSync(at('lot'));
    for (const id of ['a', 'b', 'c']) writeFileSync(at(`lot/${id}.csr`), csrPem(`lot-${id}`));
    writeFileSync(at('lot/z.csr'), csrPem('not/allowed'));
    const lot = ['batch', 'submit', 'lot', '--fleet', 'demo', '--id', 'lot-1'];
    const ran = await runWith(as('station'), ...lot, '--out', 'out.ndjson', '--json');
    expect(ran.status).toBe(1);
    expect(ran.json().summary).toMatchObject({ batch: 'lot-1', rows: 4, issued: 3, refused: 1 });
    const rows = readFileSync(at('out.ndjson'), 'utf8').trim().split('\n');
    expect(rows.map((row) => JSON.parse(row)).map(({ file, status }) => [file, status])).toEqual([
      ['a.csr', 'issued'],
      ['b.csr', 'issued'],
      ['c.csr', 'issued'],
      ['z.csr', 'refused'],
    ]);
    const again = await runWith(as('station'), ...lot);
    expect(again.status).toBe(1);
    expect(again.out.split('\n')[0]).toMatch(/^1 {2}a\.csr lot-a {2}replayed {2}[0-9a-f]{32}$/);
    expect(again.out).toContain('bad-device-id');
  });

  it('from stdin goes through, and can be read back', async () => {
    const input = ['a', 'd'].map((id) => `${JSON.stringify({ csr: csrPem(`in-${id}`) })}\n`).join('');
    const ran = await must(
      { ...as('station'), input },
      'batch',
      'submit',
      '-',
      '--fleet',
      'demo',
      '--id',
      'lot-2',
    );
    expect(ran.err).toMatch(/issued +2/);
    expect((await must(as('station'), 'batch', 'status', 'lot-2', '--json')).json().state).toBe('complete');
    const results = await must(as('station'), 'batch', 'results', 'lot-2', '--after', '1', '--json');
    const lines = results.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([{ seq: 2, deviceId: 'in-d' }, { next: 2 }]);
  });

  it('of a CSV goes through by its name, and comes back as CSV and as bundles', async () => {
    writeFileSync(at('lot.csv'), `csr,label:line\n"${csrPem('csv-a')}",7\nAAAA,\n`);
    const ran = await runWith(
      as('station'),
      'batch',
      'submit',
      'lot.csv',
      '--fleet',
      'demo',
      '--id',
      'lot-csv',
    );
    expect(ran.status).toBe(1);
    const results = await must(as('station'), 'batch', 'results', 'lot-csv', '--format', 'csv');
    expect(results.out.split('\r\n').map((record) => record.split(',')[3])).toEqual([
      'deviceId',
      'csv-a',
      '',
      undefined,
    ]);
    for (const name of ['lot.tar', 'lot.tar.gz', 'lot.zip']) {
      await must(as('station'), 'batch', 'bundles', 'lot-csv', '--out', name);
      expect(statSync(at(name)).mode & 0o777).toBe(0o600);
    }
    const listed = execFileSync('tar', ['-tzf', at('lot.tar.gz')], { encoding: 'utf8' });
    expect(listed).toContain('csv-a/client.pem\n');
    expect((await runWith(as('station'), 'batch', 'bundles', 'lot-csv', '--out', 'lot.rar')).status).toBe(2);
  });

  it('that is cut off within is refused where it is, with what came before', async () => {
    writeFileSync(at('cut.csv'), `csr\n"${csrPem('cut-a')}"\n"AAAA`);
    const ran = await runWith(as('station'), 'batch', 'submit', 'cut.csv', '--fleet', 'demo');
    expect(ran.status).toBe(2);
    expect(ran.out).toMatch(/^1 {2}cut-a {2}issued/);
    expect(ran.err).toContain('bad-lot');
  });

  it('is refused as a whole with its code', async () => {
    const ran = await runWith({ ...as('station'), input: '{}\n' }, 'batch', 'submit', '-', '--fleet', 'nope');
    expect(ran).toMatchObject({ status: 4, out: '' });
  });
});

describe('the fleet from outside', () => {
  it('is searched by certificate, and its lots are listed', async () => {
    const all = await must(as('security'), 'certificate', 'list', '--fleet', 'demo', '--json');
    const lines = all.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThan(1);
    const one = [
      'certificate',
      'list',
      '--fleet',
      'demo',
      '--device-id',
      lines[0].deviceId,
      '--json',
    ] as const;
    expect((await must(as('security'), ...one)).json().deviceId).toBe(lines[0].deviceId);
    const lots = await must(as('security'), 'batch', 'list', '--json');
    expect(lots.out).toContain('lot-');
  });

  it('hands out bundles of each layout, and says on stderr what there is to be said', async () => {
    writeFileSync(at('uuid.csr'), csrPem('0f8fad5b-d9cb-469f-a165-70867728950e'));
    await must(as('station'), 'issue', 'uuid.csr', '--fleet', 'demo');
    const bundle = (...args: string[]) =>
      runWith(as('station'), 'bundle', '0f8fad5b-d9cb-469f-a165-70867728950e', '--fleet', 'demo', ...args);
    writeFileSync(at('pin'), 'p1n with spaces\n');
    const hsm = await bundle('--layout', 'hsm', '--pin-file', 'pin', '--out', 'hsm.zip');
    expect([hsm.status, hsm.out]).toEqual([0, '']);
    expect(hsm.err).toMatch(/^warning: .*gatewayTrusts/);
    const plain = await bundle('--layout', 'hsm', '--json', '--out', 'plain.zip');
    expect(plain.json().warnings).toHaveLength(1);
    const list = (zip: string) => execFileSync('unzip', ['-Z', zip], { cwd: work, encoding: 'utf8' });
    const fragment = (zip: string) =>
      execFileSync('unzip', ['-p', zip, '*/20-sota-device-cred-hsm.toml'], { cwd: work, encoding: 'utf8' });
    expect(fragment('plain.zip')).toContain('\npass = ""\n');
    expect(fragment('hsm.zip')).toBe(fragment('plain.zip').replace('pass = ""', 'pass = "p1n with spaces"'));
    // Names, modes, times and order as they were.
    const entries = (zip: string) =>
      list(zip)
        .split('\n')
        .slice(2, -2)
        .map((line) => line.replace(/ +\d+ b[x-].*defN /, ' '));
    expect(entries('hsm.zip')).toEqual(entries('plain.zip'));
    expect(statSync(at('hsm.zip')).mode & 0o777).toBe(0o600);
    expect((await bundle('--layout', 'device', '--pin-file', 'pin', '--out', 'no.zip')).status).toBe(2);
    writeFileSync(at('bad-pin'), 'a"b\n');
    const bad = await bundle('--layout', 'hsm', '--pin-file', 'bad-pin', '--out', 'no.zip');
    expect([bad.status, bad.err.includes('a"b')]).toEqual([2, false]);
    const p12 = await bundle('--layout', 'p12', '--out', 'no.zip');
    expect([p12.status, p12.err.includes('bundle-unfit')]).toEqual([3, true]);
  });

  it('makes a key into a bundle, with a passphrase from a file, and replaces nothing', async () => {
    writeFileSync(at('word'), 'correct horse\n');
    const create = () =>
      runWith(
        as('station'),
        ...['device', 'create', 'sealed', '--fleet', 'demo', '--layout', 'p12'],
        ...['--passphrase-file', 'word', '--out', 'sealed.zip'],
      );
    expect((await create()).status).toBe(0);
    execFileSync('unzip', ['-q', 'sealed.zip'], { cwd: work });
    const args = ['pkcs12', '-in', 'sealed.p12', '-passin', 'file:word', '-nodes'];
    expect(execFileSync('openssl', args, { cwd: work, encoding: 'utf8' })).toContain('BEGIN PRIVATE KEY');
    expect((await create()).status).toBe(2);
  });

  it('hands out the bundles of a lot, says which are left out, and tells it in the exit status', async () => {
    writeFileSync(
      at('two.ndjson'),
      ['1f8fad5b-d9cb-469f-a165-70867728950e', 'VIN-7']
        .map((id) => `${JSON.stringify({ csr: csrPem(id) })}\n`)
        .join(''),
    );
    await must(as('station'), 'batch', 'submit', 'two.ndjson', '--fleet', 'demo', '--id', 'two');
    const bundles = (layout: string, out: string) =>
      runWith(as('station'), 'batch', 'bundles', 'two', '--layout', layout, '--out', out);
    const some = await bundles('ota-ce', 'two.tar.gz');
    expect([some.status, some.out]).toEqual([1, '']);
    expect(some.err).toMatch(/^left out: VIN-7: The device ID is no lower-case UUID/);
    const listed = execFileSync('tar', ['-tzf', at('two.tar.gz')], { encoding: 'utf8' });
    expect(listed).toContain('devices/1f8fad5b-d9cb-469f-a165-70867728950e/config.toml\n');
    expect(listed).not.toContain('VIN-7');
    expect((await bundles('pem', 'two.zip')).status).toBe(0);
    expect((await bundles('p12', 'none.zip')).status).toBe(3);
  });

  it('is changed in what is named, and keeps the rest', async () => {
    const set = (...args: string[]) => must({}, 'fleet', 'set', 'demo', '--json', ...args);
    const before = (await must({}, 'fleet', 'show', 'demo', '--json')).json();
    const changed = await set('--hardware-id', 'board-7', '--gateway-trusts', 'trust-bundle');
    expect(changed.json()).toEqual({ ...before, hardwareId: 'board-7', gatewayTrusts: 'trust-bundle' });
    const back = await set('--unset', 'hardwareId', 'gatewayTrusts', '--gateway-root', 'gateway.pem');
    expect(back.json()).toEqual(before);
  });

  it('is published without a token', async () => {
    const published = await must(
      { env: { FLEETCA_DATA: scratchFolder() } },
      ...['publish', 'demo', '--out', 'pub', '--json', '--pin', facts.fingerprint],
    );
    const root = new X509Certificate(readFileSync(at('pub/fleet-root.pem')));
    expect(root.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(published.json().fingerprint);
    const bundle = readFileSync(at('pub/trust-bundle.pem'), 'utf8');
    expect(bundle.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  it('is an inventory', async () => {
    const list = await must(as('security'), 'device', 'list', '--fleet', 'demo', '--json');
    const devices = list.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).deviceId.toLowerCase());
    expect(devices).toEqual([...devices].sort());
    expect(devices).toContain('lot-a');
    const shown = await must(as('security'), 'device', 'show', 'lot-a', '--fleet', 'demo', '--json');
    const [{ id }] = shown.json().certificates;
    const revoked = await must(as('security'), 'revoke', id, '--reason', 'keyCompromise', '--json');
    expect(revoked.json()).toMatchObject({ status: 'revoked', revocationReason: 'keyCompromise' });
  });
});

describe('whoever answers', () => {
  const stranger = { env: { FLEETCA_DATA: scratchFolder(), FLEETCA_TOKEN: 'fca_x' } };

  it('is not told a token unless it is trusted', async () => {
    const untrusted = await runWith(stranger, 'fleet', 'list');
    expect(untrusted.status).toBe(4);
    expect(untrusted.err).toMatch(/^fleetca: untrusted: [\s\S]*--pin/);
    const pinned = await runWith(stranger, 'fleet', 'list', '--pin', facts.fingerprint);
    expect(pinned.err).toMatch(/^fleetca: unauthenticated: /);
    expect((await runWith(stranger, 'fleet', 'list', '--pin', '00'.repeat(32))).status).toBe(4);
  });

  it('is missing in plain words', async () => {
    const ran = await run('fleet', 'list', '--url', 'https://127.0.0.1:1');
    expect(ran).toMatchObject({ status: 6, out: '' });
    expect(ran.err).toMatch(/^fleetca: unreachable: [\s\S]*fleetca serve/);
  });
});

describe('the data folder', () => {
  it('is verified while the service runs', async () => {
    // What the client reads of the environment is nothing that a local command stumbles over.
    const env = { FLEETCA_TOKEN: 'fca_x', FLEETCA_PIN: facts.fingerprint };
    const ran = await must({ env }, 'audit', 'verify', '--json', '--data', data);
    expect(ran.json()).toMatchObject({ ok: true, problems: [] });
    const listed = await must(as('security'), 'audit', 'list', '--json');
    expect(listed.out.trim().split('\n')).toHaveLength(ran.json().entries);
  });

  it('gives a new admin token only while the service is stopped', async () => {
    expect((await run('token', 'recover', '--data', data)).status).toBe(6);
    expect(await end(service)).toBe(0);
    const recovered = await must({}, 'token', 'recover', '--data', data);
    expect(statSync(recovered.out.trim()).mode & 0o777).toBe(0o600);
    await assertCaSound(join(data, 'db', 'fleetca.sqlite'), { stopped: true });
    ({ facts, child: service } = await serve());
    expect(facts.created).toEqual([]);
    url = facts.apiUrl;
    expect((await must({}, 'token', 'list')).out).toContain('recovered admin');
    expect(await end(service)).toBe(0);
  });

  it('that was tampered with does not hold', async () => {
    const { default: Database } = await import('better-sqlite3');
    const database = new Database(join(data, 'db', 'fleetca.sqlite'));
    for (const { name } of database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
      .all() as { name: string }[])
      database.exec(`DROP TRIGGER "${name}"`);
    database.exec("UPDATE audit SET actor_id = 'somebody else' WHERE seq = 5");
    database.close();
    const ran = await run('audit', 'verify', '--data', data);
    expect(ran.status).toBe(3);
    expect(ran.out).toContain('DOES NOT HOLD');
    expect(ran.out).toMatch(/entry 5 /);
  });
});
