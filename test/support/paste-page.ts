/** The commands of the pages for people, to be run as they stand. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outputOf } from './run-fleetca.ts';
import { type Service, scratchFolder } from './service.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));

export const pageFile = (page: string): string =>
  fileURLToPath(new URL(`../../docs/${page}`, import.meta.url));

export const readPage = (page: string): string => readFileSync(pageFile(page), 'utf8');

/** The commands of a page, block by block, in order. */
export const blocksOf = (page: string): readonly string[] =>
  [...readPage(page).matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block);

interface Place {
  readonly service: Pick<Service, 'apiUrl' | 'data'>;
  readonly cwd: string;
  /** With what the page says that a reader has in the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder that comes first in PATH. */
  readonly programs?: string;
  /** Hosts and ports of the page, and those of the test. */
  readonly instead?: Readonly<Record<string, string>>;
}

/** Runs blocks in one shell, as a reader pastes them; ends at the first command that fails. Gives its stdout. */
export async function paste(
  blocks: readonly string[],
  { service, cwd, env = {}, programs, instead = {} }: Place,
): Promise<string> {
  const bin = scratchFolder();
  writeFileSync(join(bin, 'fleetca'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, {
    mode: 0o755,
  });
  const script = Object.entries(instead).reduce(
    (text, [there, here]) => text.replaceAll(there, here),
    blocks.join('\n'),
  );
  const path = [bin, programs, process.env.PATH].filter(Boolean).join(':');
  const child = spawn('sh', ['-exc', script], {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: path, FLEETCA_URL: service.apiUrl, FLEETCA_DATA: service.data, ...env },
  });
  const { status, out, err } = await outputOf(child);
  // What a page starts in the background it also ends; not where a command before that failed.
  try {
    process.kill(-Number(child.pid));
  } catch {
    // Nothing was left.
  }
  if (status !== 0) throw new Error(`status ${status}\n${err.slice(-4000)}`);
  return out;
}

/** A folder with the token of a role in a file. */
export function workFolder(token: string): { readonly cwd: string; readonly env: Record<string, string> } {
  const cwd = scratchFolder();
  writeFileSync(join(cwd, 'token'), token, { mode: 0o600 });
  return { cwd, env: { FLEETCA_TOKEN_FILE: join(cwd, 'token') } };
}
