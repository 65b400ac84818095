/** The `fleetca` command as a process, from dist/. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunWish {
  readonly cwd: string;
  /** A folder that comes first in PATH. */
  readonly programs?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a process said until it ended. */
export async function outputOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ran> {
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text;
  });
  const [status] = await once(child, 'close');
  return { status, out, err };
}

export async function runFleetca({ cwd, programs, env }: RunWish, ...args: readonly string[]): Promise<Ran> {
  const path = [programs, process.env.PATH].filter(Boolean).join(':');
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: path, FLEETCA_DATA: cwd, ...env },
  });
  return outputOf(child);
}
