import type { Random } from '../../random.ts';
import { LocalFailure } from '../local-failure.ts';
import { printable } from '../table.ts';
import type { Place, PlacedFile } from './place.ts';
import { openingScript, placingScript, SAID } from './placing-script.ts';
import { openSsh, type SshEnd, type SshTarget } from './ssh.ts';

/** ssh's own failures, by its words: it has one exit status for all of them. */
const REASONS = [
  {
    words: /host key verification failed|host identification has changed|no matching host key/i,
    code: 'untrusted',
    what: 'has not proven to be the device: its ssh host key is unknown or another',
    hint: 'compare its fingerprint and add it to known_hosts (ssh-keyscan), or on a trusted line take any key with -s',
  },
  {
    words: /permission denied|too many authentication failures|no supported authentication methods/i,
    code: 'login-refused',
    what: 'does not let this user log in',
    hint: 'try it with the same user and port: ssh <target> true',
  },
] as const;

/** The status that ssh ends with for a failure of its own. */
const SSH_FAILED = 255;

/** The last lines, in which the reason stands. */
const lastWords = (said: string): string =>
  said
    .split('\n')
    .map((line) => printable(line.trim()))
    .filter((line) => line !== '')
    .slice(-4)
    .join(' / ');

const withWords = (message: string, said: string): string => {
  const words = lastWords(said);
  return words === '' ? `${message}.` : `${message}: ${words}`;
};

/** Why there is no shell on the device. */
function openingFailure(name: string, { status, said }: SshEnd): LocalFailure {
  if (status !== null && status !== SSH_FAILED) {
    return new LocalFailure(
      'not-placed',
      withWords(`No shell runs on ${name} (exit status ${status})`, said),
    );
  }
  const reason = REASONS.find(({ words }) => words.test(said));
  if (reason)
    return new LocalFailure(reason.code, withWords(`${name} ${reason.what}`, said), { hint: reason.hint });
  return new LocalFailure('unreachable', withWords(`${name} cannot be reached with ssh`, said));
}

const HALF = 'on the device all of the files are there, or none: see which before you try again';

/**
 * Logs in to a device and makes ready for files at these paths. The one session does everything: whoever
 * types a password types it once. Files go through the shell's stdin, since scp of today needs an SFTP server,
 * which many an image has not.
 * Rejects with `unreachable`, `untrusted`, `login-refused`, or `usage` where files cannot be put there.
 */
export async function openRemotePlace(
  target: SshTarget,
  paths: readonly string[],
  random: Random,
  signal: AbortSignal,
): Promise<Place> {
  const name = target.destination;
  const stage = `.fleetca-${Buffer.from(random.bytes(8)).toString('hex')}`;
  const session = openSsh(target);
  signal.addEventListener('abort', session.kill, { once: true });
  const over = (): Promise<SshEnd> => session.ended;

  async function close(): Promise<void> {
    // The shell reads the end of its script, takes away what is on the way, and ends.
    session.end();
    await over().catch(() => undefined);
    signal.removeEventListener('abort', session.kill);
  }

  async function put(files: readonly PlacedFile[]): Promise<void> {
    session.write(placingScript(files, stage));
    session.end();
    const last = await session.waitFor([SAID.done, SAID.notWritten]);
    const { said } = await over();
    if (last === SAID.notWritten)
      throw new LocalFailure(
        'not-placed',
        withWords(`The files could not be written on ${name}; none was left`, said),
      );
    if (last === SAID.done) return;
    throw new LocalFailure('cut-off', withWords(`The connection to ${name} broke off`, said), { hint: HALF });
  }

  session.write(openingScript(paths, stage));
  const first = await session.waitFor([SAID.ready, SAID.noPlace]);
  if (first === SAID.ready) return { name, put, close };
  session.end();
  const end = await over();
  signal.removeEventListener('abort', session.kill);
  if (first === null) throw openingFailure(name, end);
  throw new LocalFailure('usage', withWords(`Files cannot be put there on ${name}`, end.said));
}
