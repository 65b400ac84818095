import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../package-root.ts';
import { connectApi } from '../quickstart/api-client.ts';
import type { Workshop } from './workshop.ts';

export const FLEET = 'bench';
/** More than anything can send: the bench is one source. */
const NO_RATE_LIMIT = '1000000000';
/** How long the service may take to end before it is killed. */
const END_MS = 20_000;

/** `fleetca serve` as a child process, on a data folder of its own and on free ports. */
export interface Service {
  readonly url: string;
  /** PEM that clients trust. */
  readonly ca: string;
  readonly pid: number;
  readonly folder: string;
  readonly adminToken: string;
  /** From the start of the process to the line that says it answers. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** What a service is started with beside its folder. */
export interface ServiceWish {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const AS_IT_IS: ServiceWish = { args: [], env: {} };

/** A service with a fleet, a root and an issuing authority, and the token of a station. */
export interface Line {
  readonly service: Service;
  readonly token: string;
}

async function firstLine(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as Readable });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the service ended with ${code} before it answered`);
  });
  // Also after it has answered, and then it is nobody's business here.
  ended.catch(() => undefined);
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
  return line;
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = new AbortController();
  const late = sleep(END_MS, 'late', { signal: patience.signal }).catch(() => 'in time');
  if ((await Promise.race([ended, late])) === 'late') child.kill('SIGKILL');
  patience.abort();
  await ended;
}

/** Starts the service of this very program on a data folder, new or used before. */
export async function startService(
  workshop: Workshop,
  folder: string,
  { args, env }: ServiceWish = AS_IT_IS,
): Promise<Service> {
  const began = performance.now();
  const child = workshop.spawn(
    process.execPath,
    [
      join(packageRoot, 'bin', 'fleetca.mjs'),
      ...[
        'serve',
        '--json',
        '--data',
        folder,
        '--api-port',
        '0',
        '--mutual-port',
        'off',
        '--public-port',
        'off',
      ],
      ...['--log-level', 'warn', '--rate-limit-requests-per-minute', NO_RATE_LIMIT],
      ...args,
    ],
    // A service that ends says so on stderr, which is nothing that the table needs.
    { stdio: ['ignore', 'pipe', 'ignore'], env },
  );
  const { apiUrl } = JSON.parse(await firstLine(child)) as { apiUrl: string };
  return {
    url: apiUrl,
    ca: readFileSync(join(folder, 'keys', 'service-ca.crt'), 'utf8'),
    pid: child.pid ?? 0,
    folder,
    adminToken: readFileSync(join(folder, 'keys', 'admin-token'), 'utf8').trim(),
    startMs: performance.now() - began,
    stop: () => endOf(child),
  };
}

/** Makes the fleet, its authorities and a station's token on a service that has none. */
async function openLine(service: Service, key: 'file' | 'token'): Promise<Line> {
  const api = connectApi({ url: service.url, ca: service.ca });
  try {
    const post = async (token: string, path: string, json: unknown): Promise<{ token?: string }> =>
      JSON.parse(await api.call({ method: 'POST', path, token, json }));
    const tokenFor = async (wish: Readonly<Record<string, string>>): Promise<string> =>
      (await post(service.adminToken, '/v1/tokens', wish)).token ?? '';
    await post(service.adminToken, '/v1/fleets', { name: FLEET, target: 'generic' });
    const security = await tokenFor({ name: 'security', role: 'security' });
    const authorities = `/v1/fleets/${FLEET}/authorities`;
    await post(security, authorities, { name: 'root', kind: 'root', key });
    await post(security, authorities, { name: 'issuing', kind: 'issuing', key });
    return { service, token: await tokenFor({ name: 'line', role: 'station', fleet: FLEET }) };
  } finally {
    api.close();
  }
}

/** A new service with its line. */
export const startLine = async (workshop: Workshop, name: string): Promise<Line> =>
  openLine(await startService(workshop, join(workshop.folder, name)), 'file');

/** The same, with the keys of its authorities in the token that it is started with. */
export const startTokenLine = async (workshop: Workshop, name: string, wish: ServiceWish): Promise<Line> =>
  openLine(await startService(workshop, join(workshop.folder, name), wish), 'token');
