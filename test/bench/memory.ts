/**
 * How much memory a lot takes: the service's peak over a lot of 1,000 rows against one of 100,000
 * (`--rows N`), each in a fresh process, with the rate on the way. Prints a table and, last, JSON.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeCsr, makeKey } from '../support/csr.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values } = parseArgs({ options: { rows: { type: 'string', default: '100000' } } });
const MEBIBYTE = 1024;

interface Running {
  readonly url: URL;
  readonly ca: string;
  readonly token: string;
  readonly process: ChildProcess;
  readonly folder: string;
}

async function start(): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'fleetca-bench-'));
  const child = spawn('node', [join(root, 'bin/fleetca.mjs'), 'serve', '--data', folder, '--json'], {
    env: { ...process.env, FLEETCA_API_PORT: '0', FLEETCA_PUBLIC_PORT: 'off' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await new Promise<string[]>((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).once('line', (text) => resolve([text]));
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)));
  });
  const { apiUrl } = JSON.parse(line ?? '');
  return {
    url: new URL(apiUrl),
    ca: readFileSync(join(folder, 'keys/service-ca.crt'), 'utf8'),
    token: readFileSync(join(folder, 'keys/admin-token'), 'utf8').trim(),
    process: child,
    folder,
  };
}

function call(
  service: Running,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ token: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const req = request(new URL(path, service.url), { method, headers, ca: service.ca }, async (res) => {
      const text = Buffer.concat(await res.toArray()).toString('utf8');
      if ((res.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${res.statusCode} ${text}`));
      else resolve(text === '' ? {} : JSON.parse(text));
    });
    req.on('error', reject);
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The peak of the resident set so far, MiB (VmHWM of proc(5)). */
const peak = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / MEBIBYTE;

async function writeLot(file: string, rows: number): Promise<void> {
  const out = createWriteStream(file);
  for (let row = 1; row <= rows; row++) {
    const csr = Buffer.from(makeCsr({ deviceId: `bench-${row}`, key: makeKey() })).toString('base64');
    if (!out.write(`${JSON.stringify({ csr })}\n`))
      await new Promise<void>((resolve) => out.once('drain', () => resolve()));
  }
  out.end();
  await finished(out);
}

async function submit(
  service: Running,
  token: string,
  file: string,
): Promise<{ issued: number; seconds: number }> {
  const began = performance.now();
  const req = request(new URL('/v1/fleets/bench/batches', service.url), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    ca: service.ca,
  });
  createReadStream(file).pipe(req);
  return new Promise((resolve, reject) => {
    req.on('error', reject);
    req.on('response', async (res) => {
      for await (const line of createInterface({ input: res })) {
        if (!line.startsWith('{"summary"')) continue;
        resolve({ issued: JSON.parse(line).summary.issued, seconds: (performance.now() - began) / 1000 });
        return;
      }
      reject(new Error('the answer ended without a summary'));
    });
  });
}

async function measure(rows: number): Promise<{ rows: number; peakMiB: number; perSecond: number }> {
  const service = await start();
  try {
    const admin = (method: string, path: string, body?: unknown) =>
      call(service, service.token, method, path, body);
    await admin('POST', '/v1/fleets', { name: 'bench', target: 'generic' });
    const security = (await admin('POST', '/v1/tokens', { name: 'security', role: 'security' })).token;
    const station = (await admin('POST', '/v1/tokens', { name: 'line', role: 'station', fleet: 'bench' }))
      .token;
    await call(service, security, 'POST', '/v1/fleets/bench/authorities', { name: 'root', kind: 'root' });
    await call(service, security, 'POST', '/v1/fleets/bench/authorities', { name: 'line', kind: 'issuing' });
    const lot = join(service.folder, 'lot.ndjson');
    await writeLot(lot, rows);
    const { issued, seconds } = await submit(service, station, lot);
    if (issued !== rows) throw new Error(`${issued} of ${rows} rows were issued`);
    return { rows, peakMiB: peak(service.process.pid as number), perSecond: issued / seconds };
  } finally {
    service.process.kill('SIGTERM');
    await new Promise((resolve) => service.process.once('exit', resolve));
    rmSync(service.folder, { recursive: true, force: true });
  }
}

const small = await measure(1000);
const large = await measure(Number(values.rows));
const memoryGrowthMiB = large.peakMiB - small.peakMiB;
console.table(
  [small, large].map((r) => ({ ...r, peakMiB: Math.round(r.peakMiB), perSecond: Math.round(r.perSecond) })),
);
console.log(
  JSON.stringify({
    memoryGrowthMiB,
    rows: large.rows,
    bulkPerSecond: large.perSecond,
    node: process.version,
  }),
);
