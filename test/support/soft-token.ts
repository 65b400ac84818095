/** SoftHSM's tokens in a folder of their own, as they are or behind a server that can be killed. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const SOFTHSM = '/usr/lib/softhsm/libsofthsm2.so';
export const P11_KIT_CLIENT = '/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so';
export const TOKEN_LABEL = 'fleet keys';
export const TOKEN_PIN = 'canary-pin-48271';
/** Programs that `makeSoftToken` and `tool` run. */
export const TOKEN_TOOLS = ['softhsm2-util', 'pkcs11-tool'];

/** And what `serveToken` runs. */
export const SERVER_TOOLS = ['p11-kit', 'p11-kit-client.so'];

export interface SoftToken {
  readonly folder: string;
  /** What a process needs to find the token: SoftHSM's configuration. */
  readonly env: Readonly<Record<string, string>>;
  readonly pinFile: string;
  /** `pkcs11-tool`, logged in. */
  tool(...args: readonly string[]): string;
}

/** A new token, in a folder that there is. */
export function makeSoftToken(folder: string): SoftToken {
  mkdirSync(join(folder, 'tokens'), { recursive: true });
  const configuration = join(folder, 'softhsm2.conf');
  writeFileSync(configuration, `directories.tokendir = ${join(folder, 'tokens')}\n`);
  const env = { SOFTHSM2_CONF: configuration };
  const all = { PATH: String(process.env.PATH), ...env };
  const init = ['--init-token', '--free', '--label', TOKEN_LABEL, '--so-pin', '87654321', '--pin', TOKEN_PIN];
  execFileSync('softhsm2-util', init, { env: all, stdio: 'pipe' });
  const pinFile = join(folder, 'pin');
  writeFileSync(pinFile, `${TOKEN_PIN}\n`, { mode: 0o600 });
  return {
    folder,
    env,
    pinFile,
    tool: (...args) =>
      execFileSync('pkcs11-tool', ['--module', SOFTHSM, '--login', '--pin', TOKEN_PIN, ...args], {
        env: all,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
  };
}

/** A token that another process holds, as one on the network: it can go away and come back. */
export interface TokenServer {
  /** For the client's process, with the module `P11_KIT_CLIENT`. */
  readonly env: Readonly<Record<string, string>>;
  start(): Promise<void>;
  /** SIGKILL to the server and all that it serves with. */
  kill(): Promise<void>;
}

export function serveToken({ folder, env }: SoftToken): TokenServer {
  const socket = join(folder, 'p11-kit.socket');
  let child: ChildProcess | undefined;
  return {
    env: { ...env, P11_KIT_SERVER_ADDRESS: `unix:path=${socket}` },
    start: async () => {
      // One process group: the server forks one process a client.
      child = spawn(
        'p11-kit',
        [
          'server',
          '--foreground',
          '--name',
          socket,
          '--provider',
          SOFTHSM,
          `pkcs11:token=${encodeURIComponent(TOKEN_LABEL)}`,
        ],
        {
          env: { PATH: String(process.env.PATH), ...env },
          stdio: ['ignore', 'pipe', 'inherit'],
          detached: true,
        },
      );
      // It prints its address when it listens.
      if (child.stdout) await once(child.stdout, 'data');
    },
    kill: async () => {
      if (!child?.pid || child.exitCode !== null) return;
      const ended = once(child, 'exit');
      process.kill(-child.pid, 'SIGKILL');
      await ended;
      child = undefined;
      rmSync(socket, { force: true });
    },
  };
}
