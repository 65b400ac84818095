/** The real service, run from dist/ as a process of its own on a temporary data folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assertCaSound } from './assert-ca-sound.ts';
import { type Client, connectClient } from './client.ts';
import { databaseOf, environmentOf } from './engine.ts';
import { temporaryFolder } from './leftovers.ts';

const RUNNER = fileURLToPath(new URL('./run-service.mjs', import.meta.url));

/** What the service says of itself when it has started. */
export interface Facts {
  readonly apiUrl: string;
  readonly mutualUrl: string | null;
  readonly publicUrl: string | null;
  readonly caFile: string | null;
  readonly fingerprint: string;
  readonly adminTokenFile: string;
  readonly created: readonly string[];
}

export interface StartRefused {
  readonly name: string;
  readonly code: string | null;
  readonly message: string;
}

export interface ServiceWish {
  /** A folder of before; a new one without it, which `stop` removes. */
  readonly data?: string;
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly level?: string;
  /** The service lives that much later. */
  readonly clockOffsetMs?: number;
}

export interface Service extends Facts, Client {
  readonly data: string;
  /** SQLite's file, or the URL of a database. */
  readonly database: string;
  readonly admin: string;
  readonly process: ChildProcess;
  /** All that it has logged. */
  log(): string;
  /** SIGTERM; rejects where it does not end in order. The data stay. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Counts are no matter of most flows, which make thousands of calls from one address. */
const UNLIMITED = { rateLimitRequestsPerMinute: '1000000', rateLimitFailuresPerMinute: '1000000' };

/** A folder that is gone when the tests are. */
export const scratchFolder = (): string => temporaryFolder('fleetca-flow-');

interface Started {
  readonly child: ChildProcess;
  readonly said: Facts | { readonly refused: StartRefused };
  log(): string;
}

async function spawnService(wish: ServiceWish, data: string, database: string): Promise<Started> {
  const { flags = {}, level = 'info', clockOffsetMs = 0, env = {} } = wish;
  const all = { data, apiPort: '0', mutualPort: '0', publicPort: '0', ...UNLIMITED, ...flags };
  const child = spawn(process.execPath, [RUNNER, JSON.stringify({ flags: all, level, clockOffsetMs })], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...environmentOf(database), ...env },
  });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  let line = '';
  for await (const text of child.stdout?.setEncoding('utf8') ?? []) {
    line += text;
    if (line.includes('\n')) break;
  }
  if (!line.includes('\n')) throw new Error(`the service said nothing:\n${log}`);
  return { child, said: JSON.parse(line), log: () => log };
}

const databaseFor = async ({ env }: ServiceWish, data: string): Promise<string> =>
  env?.DATABASE_URL ?? (await databaseOf(data));

/** Starts the service, which must answer. */
export async function startService(wish: ServiceWish = {}): Promise<Service> {
  const data = wish.data ?? scratchFolder();
  const database = await databaseFor(wish, data);
  const { child, said, log } = await spawnService(wish, data, database);
  if ('refused' in said) throw new Error(`the service refused to start: ${said.refused.message}`);
  const client = connectClient(said.apiUrl, said.caFile);
  const ended = once(child, 'exit');
  return {
    ...said,
    ...client,
    data,
    database,
    admin: readFileSync(said.adminTokenFile, 'latin1').trim(),
    process: child,
    log,
    stop: async () => {
      client.hangUp();
      child.kill('SIGTERM');
      const [status, signal] = await ended;
      if (status !== 0) throw new Error(`the service ended with ${status ?? signal}:\n${log()}`);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
      client.hangUp();
    },
  };
}

/** Starts the service, which must refuse. */
export async function startRefused(wish: ServiceWish): Promise<StartRefused & { readonly status: number }> {
  const data = wish.data ?? scratchFolder();
  const { child, said } = await spawnService(wish, data, await databaseFor(wish, data));
  const [status] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  if ('refused' in said) return { ...said.refused, status };
  child.kill('SIGKILL');
  throw new Error('the service started');
}

/** Stops the service in order, and looks at the whole authority from outside. */
export async function stopSound(service: Service | undefined): Promise<void> {
  if (!service) return;
  await service.stop();
  await assertCaSound(service.database, { stopped: true });
}
