import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { databaseOf, environmentOf } from '../support/engine.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface ServiceOptions {
  readonly data: string;
  /** Plain HTTP where the wire is watched, or time is short; what is tested otherwise is the same. */
  readonly transport?: 'https' | 'http';
  /** File that gets every octet string about to be signed. */
  readonly signingRecord?: string;
  /** Modules to preload. */
  readonly preload?: readonly string[];
  /** A program with its arguments that runs the service: strace, faketime, … */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Why the service did not start. */
export interface Refusal {
  readonly name: string;
  readonly code: string | null;
  readonly message: string;
}

export interface ServiceProcess {
  readonly data: string;
  /** SQLite's file, or the URL of a database. */
  readonly database: string;
  readonly url: URL;
  readonly pid: number;
  /** PEM; undefined in plain HTTP. */
  readonly ca: string | undefined;
  readonly created: readonly string[];
  /** SIGKILL, at once; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit status. */
  stop(): Promise<number | null>;
  /** What it wrote to stderr. */
  log(): string;
}

/** Groups of processes that must not outlive the tests. */
const groups = new Set<number>();
const folders = new Set<string>();

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** Ends what is left of the processes and folders; for `afterEach`, and at the end in any case. */
export function cleanUp(): void {
  for (const leader of groups) killGroup(leader);
  groups.clear();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}
process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

/** A folder for a service's data, removed with the processes. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fleetca-crash-'));
  folders.add(folder);
  return folder;
}

/** Starts a program in a group of its own that `cleanUp` ends. */
export function spawnTracked(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): ChildProcess {
  const child = spawn(command, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid !== undefined) groups.add(pid);
  child.on('error', () => undefined);
  return child;
}

function commandOf(
  { data, transport, signingRecord, preload = [], under = [], env = {} }: ServiceOptions,
  database: string,
) {
  const modules = [
    ...(transport === 'http' ? [here('plain-http.mjs')] : []),
    ...(signingRecord === undefined ? [] : [here('record-signing.mjs')]),
    ...preload.map(here),
  ];
  const [command = '', ...args] = [
    ...under,
    process.execPath,
    ...modules.flatMap((module) => ['--import', module]),
    here('run-service.mjs'),
  ];
  const variables = {
    PATH: process.env.PATH,
    FLEETCA_DATA: data,
    FLEETCA_API_PORT: '0',
    FLEETCA_MUTUAL_PORT: 'off',
    FLEETCA_PUBLIC_PORT: 'off',
    FLEETCA_LOG_LEVEL: 'warn',
    FLEETCA_RATE_LIMIT_REQUESTS_PER_MINUTE: '1000000000',
    ...environmentOf(database),
    ...(signingRecord === undefined ? {} : { CRASH_SIGNING_RECORD: signingRecord }),
    ...env,
  };
  return { command, args, variables };
}

/** A service that was started, and may have been refused or killed before it answered. */
export interface Starting {
  readonly answer: Promise<ServiceProcess | { readonly refusal: Refusal } | null>;
  /** SIGKILL to it and what it runs under. */
  kill(): Promise<void>;
}

/** Starts a service. The answer is null where it ended without a word. */
export async function beginService(options: ServiceOptions): Promise<Starting> {
  const database = options.env?.DATABASE_URL ?? (await databaseOf(options.data));
  const { command, args, variables } = commandOf(options, database);
  const child = spawnTracked(command, args, variables);
  const leader = child.pid ?? 0;
  let log = '';
  child.stderr?.on('data', (piece) => {
    log += piece;
  });
  const gone = once(child, 'close');
  const kill = async (): Promise<void> => {
    killGroup(leader);
    await gone;
    groups.delete(leader);
  };
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const word = Promise.race([
    once(lines, 'line').then(([line]) => JSON.parse(String(line))),
    gone.then(() => null),
  ]);
  const answer = word.then((said): ServiceProcess | { refusal: Refusal } | null => {
    if (said === null || said.refusal) return said;
    const { pid, apiUrl, created } = said;
    const { data, transport = 'https' } = options;
    return {
      data,
      database,
      url: new URL(apiUrl.replace('https:', `${transport}:`)),
      pid,
      ca: transport === 'https' ? readFileSync(join(data, 'keys/service-ca.crt'), 'latin1') : undefined,
      created,
      kill,
      stop: async () => {
        process.kill(pid, 'SIGTERM');
        await gone;
        groups.delete(leader);
        return child.exitCode;
      },
      log: () => log,
    };
  });
  return { answer, kill };
}

/** Starts a service that must start. */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const answer = await (await beginService(options)).answer;
  if (answer && !('refusal' in answer)) return answer;
  throw new Error(`the service did not start: ${JSON.stringify(answer)}`);
}

/** Starts a service that must refuse to start; gives what it said. */
export async function startRefused(options: ServiceOptions): Promise<Refusal> {
  const answer = await (await beginService(options)).answer;
  if (answer && 'refusal' in answer) return answer.refusal;
  throw new Error(answer ? 'the service started' : 'the service ended without a word');
}
