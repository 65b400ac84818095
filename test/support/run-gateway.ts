/** `fleetca gateway` as a process, from dist/, and what it tells. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DeviceSeen, RefusalSeen } from '../../src/gateway/index.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));

interface Line {
  readonly kind: string;
  readonly [name: string]: unknown;
}

export interface RunningGateway {
  readonly port: number;
  readonly statusUrl: string;
  /** The root of its server certificate, PEM. */
  readonly root: string;
  /** What it said at its start. */
  readonly warnings: readonly string[];
  /** The next event of a kind that it has not told yet, or tells from now on. */
  next(kind: string): Promise<Line>;
  devices(): Promise<readonly DeviceSeen[]>;
  refusals(): Promise<readonly RefusalSeen[]>;
  /** SIGTERM; the exit status. */
  stop(): Promise<number | null>;
}

/** Starts it on free ports, and waits until it listens. */
export async function runGateway(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningGateway> {
  const fixed = ['--json', '--port', '0', '--status-port', '0', '--poll-seconds', '1'];
  const child = spawn(process.execPath, [PROGRAM, 'gateway', ...fixed, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, FLEETCA_DATA: cwd, ...env },
  });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const told: Line[] = [];
  const waiting: (() => void)[] = [];
  let ended = false;
  const wake = (): void => {
    for (const go of waiting.splice(0)) go();
  };
  createInterface(child.stdout)
    .on('line', (line) => {
      told.push(JSON.parse(line));
      wake();
    })
    .on('close', () => {
      ended = true;
      wake();
    });
  const next = async (kind: string): Promise<Line> => {
    for (;;) {
      const at = told.findIndex((line) => line.kind === kind);
      const [found] = at < 0 ? [] : told.splice(at, 1);
      if (found) return found;
      if (ended) throw new Error(`the gateway ended before it told ${kind}:\n${err}`);
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const listening = await next('listening');
  const statusUrl = String(listening.statusUrl);
  const ask = async <T>(path: string): Promise<readonly T[]> =>
    ((await (await fetch(`${statusUrl}${path}`)).json()) as { readonly items: readonly T[] }).items;
  return {
    port: Number(new URL(String(listening.url)).port),
    statusUrl,
    root: readFileSync(join(cwd, String(listening.rootFile)), 'utf8'),
    warnings: listening.warnings as readonly string[],
    next,
    devices: () => ask('/devices'),
    refusals: () => ask('/refusals'),
    stop: async () => {
      const exit = child.exitCode === null ? once(child, 'exit') : [child.exitCode];
      child.kill('SIGTERM');
      const [status] = await exit;
      return status;
    },
  };
}
