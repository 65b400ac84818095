/**
 * The quickstart as a person runs it, twice on the same data, with OpenSSL as the judge of what it
 * left in its folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { scratchFolder } from '../support/service.ts';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));
/** A machine that is busy with other tests takes its time; on its own a run takes some 15 s. */
const PATIENCE_MS = 300_000;

const base = scratchFolder();
const data = join(base, 'data');
const out = join(base, 'out');

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function quickstart(...flags: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, 'quickstart', '--data', data, '--out', out, ...flags], {
    cwd: base,
    env: { PATH: process.env.PATH, FLEETCA_API_PORT: '0', FLEETCA_PUBLIC_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

const read = (name: string): string => readFileSync(join(out, name), 'utf8');
const folders = (): readonly string[] => readdirSync(join(out, 'devices')).sort();
const refused = (): readonly { readonly code: string; readonly expected: string }[] =>
  read('refused.ndjson')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

interface Results {
  readonly ended: Ended;
  readonly devices: readonly string[];
  readonly root: string;
  readonly summary: Record<string, unknown>;
}
let first: Results;

const resultsOf = (ended: Ended): Results => ({
  ended,
  devices: folders(),
  root: read('fleet-root.pem'),
  summary: JSON.parse(read('summary.json')),
});

beforeAll(async () => {
  const ended = await quickstart('--once');
  expect(ended.status, ended.stderr).toBe(0);
  first = resultsOf(ended);
}, PATIENCE_MS);

/** OpenSSL's word on each device: `openssl verify` takes one untrusted file for all it is given. */
async function verifyAll(devices: readonly string[]): Promise<readonly string[]> {
  const left = [...devices];
  const failures: string[] = [];
  const lane = async (): Promise<void> => {
    for (let device = left.pop(); device !== undefined; device = left.pop()) {
      const client = join(out, 'devices', device, 'client.pem');
      const strict = ['verify', '-x509_strict', '-purpose', 'sslclient'];
      const trust = ['-CAfile', join(out, 'fleet-root.pem'), '-untrusted', client, client];
      await run('openssl', [...strict, ...trust]).catch((failure: Error) => failures.push(failure.message));
    }
  };
  await Promise.all([lane(), lane()]);
  return failures;
}

describe('the quickstart, once', () => {
  it('issues the good rows, refuses the faulty ones as planned, and says so', () => {
    const { ended, devices, summary } = first;
    expect(summary).toMatchObject({ held: true, problems: [], rows: 1000, issued: 958, refused: 42 });
    expect(devices).toHaveLength(958);
    expect(refused()).toHaveLength(42);
    expect(refused().every(({ code, expected }) => code === expected)).toBe(true);
    expect(ended.stdout).toContain('Everything was as planned');
    for (const code of new Set(refused().map((row) => row.code))) expect(ended.stdout).toContain(code);
    expect(ended.stdout).toContain(join(data, 'keys', 'admin-token'));
    // No secret among the words.
    expect(ended.stdout + ended.stderr).not.toMatch(/fca_[0-9a-f]{16}_/);
  });

  it('leaves bundles that a device takes, readable by their owner alone', () => {
    const folder = join(out, 'devices', first.devices[0] ?? '');
    expect(readdirSync(folder).sort()).toEqual([
      '20-sota-device-cred.toml',
      'client.pem',
      'gateway.url',
      'pkey.pem',
      'root.crt',
    ]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'gateway.url'), 'utf8')).toBe('https://localhost:9443');
    expect(readFileSync(join(folder, 'root.crt'), 'utf8')).not.toBe(first.root);
    expect(read('trust-bundle.pem')).toContain(first.root.trim());
  });

  it('OpenSSL verifies every device up to the fleet root, strictly', async () => {
    expect(await verifyAll(first.devices)).toEqual([]);
  }, 300_000);

  it('the ledger agrees with its audit chain afterwards', async () => {
    await run(process.execPath, [PROGRAM, '--data', data, 'audit', 'verify']);
  });

  it('refuses a folder that is not its own, before it starts anything', async () => {
    const { status, stderr } = await quickstart('--once', '--out', data);
    expect(status).toBe(2);
    expect(stderr).toMatch(/Nothing in it was touched/);
    expect(stderr).not.toMatch(/The service answers/);
  });
});

describe('a gateway of OpenSSL that trusts the fleet root alone', () => {
  const own = scratchFolder();
  const certificate = ['-cert', join(own, 'cert.pem'), '-key', join(own, 'key.pem')];
  let server: ChildProcess;
  let port: number;

  beforeAll(async () => {
    const selfSigned = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const files = ['-keyout', join(own, 'key.pem'), '-out', join(own, 'cert.pem')];
    await run('openssl', [...selfSigned, '-subj', '/CN=gateway', '-days', '2', ...files]);
    const fleetRoot = join(own, 'fleet-root.pem');
    writeFileSync(fleetRoot, first.root);
    port = await freePort();
    server = spawn(
      'openssl',
      [
        's_server',
        ...['-accept', `127.0.0.1:${port}`, ...certificate, '-www'],
        ...['-Verify', '1', '-verify_return_error', '-CAfile', fleetRoot],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for await (const text of server.stdout?.setEncoding('utf8') ?? [])
      if (String(text).includes('ACCEPT')) break;
  });
  afterAll(() => {
    server.kill();
  });

  /** s_client with a bundle; what the server's page, which it sends only when it let the client in, says. */
  function connect(version: '-tls1_2' | '-tls1_3', ...credentials: readonly string[]): Promise<string> {
    const client = spawn(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${port}`, version, '-quiet', ...credentials],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    client.stdin.on('error', () => undefined).write('GET / HTTP/1.0\r\n\r\n');
    let page = '';
    client.stdout.setEncoding('utf8').on('data', (text: string) => {
      page += text;
    });
    return once(client, 'close').then(() => page);
  }

  for (const version of ['-tls1_2', '-tls1_3'] as const) {
    it(`lets bundles in, over ${version.slice(1)}`, async () => {
      for (const device of [0, 400, 957].map((i) => join(out, 'devices', first.devices[i] ?? ''))) {
        const chain = join(device, 'client.pem');
        const page = await connect(
          version,
          ...['-cert', chain, '-cert_chain', chain, '-key', join(device, 'pkey.pem')],
        );
        expect(page).toContain('HTTP/1.0 200');
      }
    });

    it(`keeps out a client without a certificate, over ${version.slice(1)}`, async () => {
      expect(await connect(version)).not.toContain('HTTP/1.0 200');
    });
  }
});

describe('the quickstart, a second time', () => {
  it(
    'continues with the same CA and makes other devices, and with --json prints one object',
    async () => {
      const ended = await quickstart('--once', '--json');
      expect(ended.status, ended.stderr).toBe(0);
      const second = resultsOf(ended);
      expect(second.root).toBe(first.root);
      expect(second.summary.fleetRootFingerprint).toBe(first.summary.fleetRootFingerprint);
      expect(second.devices).toHaveLength(958);
      expect(new Set([...first.devices, ...second.devices]).size).toBe(2 * 958);
      expect(JSON.parse(ended.stdout)).toEqual(second.summary);
      expect(ended.stderr).not.toMatch(/Created/);
    },
    PATIENCE_MS,
  );
});
