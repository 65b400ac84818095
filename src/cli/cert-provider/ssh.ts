import { spawn } from 'node:child_process';
import { errnoOf, LocalFailure } from '../local-failure.ts';

export interface SshTarget {
  /** `[user@]host`, as ssh takes it. */
  readonly destination: string;
  /** undefined: as ssh's own configuration says. */
  readonly port: number | undefined;
  readonly hostKeys: 'checked' | 'any';
}

/** How an ssh ended: its exit status (the remote command's, or 255 for its own failure), or a signal's name. */
export interface SshEnd {
  readonly status: number | null;
  /** What it, and the device, said on stderr. */
  readonly said: string;
}

/** A shell on a device, that reads its commands from us. */
export interface SshSession {
  write(script: string): void;
  /** Ends the script. */
  end(): void;
  /** The first line on its stdout that is one of these; null where it ended without. */
  waitFor(lines: readonly string[]): Promise<string | null>;
  /** Resolves when ssh has ended; rejects where it could not be started. */
  readonly ended: Promise<SshEnd>;
  /** Breaks the connection off. */
  kill(): void;
}

/** What is kept of what the other side says: enough for a reason, and no more. */
const MAX_SAID = 16 * 1024;

/**
 * A dead line would otherwise be noticed when TCP gives up, after a quarter of an hour: ssh asks four
 * times, 15 seconds apart.
 */
const PATIENCE = ['-o', 'ConnectTimeout=30', '-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=4'];

/** A word that ssh cannot take for an option, and that names one host. */
export function verifyDestination(text: string): string {
  if (/^[^\s\p{Cc}-][^\s\p{Cc}]*$/u.test(text) && !text.includes('@-')) return text;
  throw new LocalFailure('usage', 'The target is [user@]host.');
}

function argumentsOf({ destination, port, hostKeys }: SshTarget): readonly string[] {
  return [
    '-T',
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(hostKeys === 'any' ? ['-o', 'StrictHostKeyChecking=no'] : []),
    ...PATIENCE,
    '--',
    destination,
    // Whatever the user's own shell on the device is.
    'sh',
  ];
}

/** Starts the ssh that stands in PATH, without a shell here. It asks for passwords on the terminal itself. */
export function openSsh(target: SshTarget): SshSession {
  const child = spawn('ssh', argumentsOf(target), { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  let said = '';
  let wake = (): void => undefined;
  let isOver = false;
  const changed = (): void => wake();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out = (out + text).slice(-MAX_SAID);
    changed();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_SAID);
  });
  // A device that has gone does not read any more; how ssh ends tells so.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<SshEnd>((resolve, reject) => {
    child.once('error', (failure) => {
      reject(
        errnoOf(failure) === 'ENOENT'
          ? new LocalFailure('setup', 'There is no ssh in PATH.', {
              hint: 'on Debian: apt-get install openssh-client',
              cause: failure,
            })
          : failure,
      );
    });
    child.once('close', (status) => resolve({ status, said }));
  }).finally(() => {
    isOver = true;
    changed();
  });
  // Whoever awaits it hears of a rejection; until then it is none that nobody handles.
  ended.catch(() => undefined);

  async function waitFor(lines: readonly string[]): Promise<string | null> {
    for (;;) {
      const complete = out
        .split('\n')
        .slice(0, -1)
        .map((line) => line.trim());
      const found = complete.find((line) => lines.includes(line));
      if (found !== undefined || isOver) return found ?? null;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    write: (script) => void child.stdin.write(script),
    end: () => void child.stdin.end(),
    waitFor,
    ended,
    kill: () => void child.kill(),
  };
}
