/** A device that ssh reaches: Debian's sshd on a free port of loopback, with keys of its own, and the client to it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';

export interface SshDevice {
  /** `user@127.0.0.1`. */
  readonly target: string;
  readonly port: number;
  /**
   * A folder for PATH with an `ssh` that has this device's settings: its own key, its own known_hosts, and
   * nothing of whoever runs the tests.
   */
  readonly programs: string;
  /** Settings of the client, one `Key value` a line, beside those with which it knows the device and may log in. */
  configure(...lines: readonly string[]): void;
  /** Whom the device lets in from now on. */
  letIn(whom: 'user' | 'nobody'): void;
  /** Ends the sessions that run now, as a device that loses its power. */
  cutSessions(): void;
  stop(): Promise<void>;
}

export interface SshDeviceWish {
  /** What the device takes for its `sh` (a command line); Debian's without it. */
  readonly shell?: string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilListening(child: ChildProcess): Promise<void> {
  let said = '';
  for await (const piece of child.stderr?.setEncoding('utf8') ?? []) {
    said += piece;
    if (said.includes('Server listening on')) break;
  }
  child.stderr?.resume();
  if (!said.includes('Server listening on')) throw new Error(`sshd did not start: ${said}`);
}

const SSHD = ['/usr/sbin/sshd', '/usr/bin/sshd'].find(existsSync) ?? 'sshd';
/** Where Debian's sshd, run by root, wants to jail its unprivileged half. */
const JAIL = '/run/sshd';

/** Starts it in a folder of the caller's. */
export async function startSshd(folder: string, { shell }: SshDeviceWish = {}): Promise<SshDevice> {
  const at = (name: string): string => join(folder, name);
  const programs = at('programs');
  mkdirSync(programs, { recursive: true });
  for (const name of ['host', 'user']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)]);
  }
  const letIn = (whom: 'user' | 'nobody'): void =>
    writeFileSync(at('authorized'), whom === 'user' ? readFileSync(at('user.pub')) : '');
  letIn('user');
  const port = await freePort();
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('authorized')}`,
    'PidFile none',
    // For scp, which people copy with.
    'Subsystem sftp internal-sftp',
    // A folder of the tests may belong to anybody.
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    ...(shell === undefined ? [] : [`ForceCommand ${shell}`]),
  ];
  writeFileSync(at('sshd_config'), `${settings.join('\n')}\n`);
  const [type, key] = readFileSync(at('host.pub'), 'latin1').split(' ');
  writeFileSync(at('known_hosts'), `[127.0.0.1]:${port} ${type} ${key}\n`);
  if (process.getuid?.() === 0) mkdirSync(JAIL, { recursive: true, mode: 0o755 });

  const child = spawn(SSHD, ['-D', '-e', '-f', at('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  await untilListening(child);

  const configure = (...lines: readonly string[]): void => {
    const all = [
      // The first value of a setting counts.
      ...lines,
      'BatchMode yes',
      'IdentitiesOnly yes',
      `IdentityFile ${at('user')}`,
      `UserKnownHostsFile ${at('known_hosts')}`,
      'GlobalKnownHostsFile /dev/null',
    ];
    writeFileSync(at('ssh_config'), `${all.join('\n')}\n`);
  };
  configure();
  writeFileSync(join(programs, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F '${at('ssh_config')}' "$@"\n`, {
    mode: 0o755,
  });

  return {
    target: `${userInfo().username}@127.0.0.1`,
    port,
    programs,
    configure,
    letIn,
    cutSessions: () => {
      // Its children are the sessions; what they have started goes on, as it would.
      const children = execFileSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' });
      for (const pid of children.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    },
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}
