import { posix } from 'node:path';
import type { PlacedFile } from './place.ts';

/**
 * The script that puts files onto a device, for its `sh` to read from stdin: POSIX, with what BusyBox has.
 * It comes in two parts. A connection that breaks cuts it off: so the second is a function whose name is
 * its last line, and nothing of a half is run.
 */

/** One word for a POSIX shell, whatever it holds but NUL (XCU 2.2.2: inside '…' nothing is special). */
export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** What the script says on stdout, a line each; all else there is the device's own chatter. */
export const SAID = {
  ready: 'fleetca: ready',
  done: 'fleetca: done',
  /** The folders cannot be made or written, or a folder stands where a file is due. */
  noPlace: 'fleetca: no place',
  /** The files could not be written. */
  notWritten: 'fleetca: not written',
} as const;

/** A relative path could begin with a dash, and be taken for an option. */
const operand = (path: string): string => quote(posix.isAbsolute(path) ? path : `./${path}`);

const foldersOf = (paths: readonly string[]): readonly string[] => [...new Set(paths.map(posix.dirname))];

const stagePath = (path: string, stage: string, name: string): string =>
  operand(posix.join(posix.dirname(path), stage, name));

/**
 * The first part: in each folder that a file goes to, a folder for the way there, so that the last step is a
 * rename on the same file system. Whatever ends the shell takes those away.
 */
export function openingScript(paths: readonly string[], stage: string): string {
  const folders = foldersOf(paths);
  const stages = folders.map((folder) => operand(posix.join(folder, stage)));
  return [
    `fail() { echo "$1"; exit 1; }`,
    `trap 'rm -rf ${stages.join(' ').replaceAll("'", "'\\''")}' EXIT`,
    `trap 'exit 1' HUP INT TERM PIPE`,
    ...folders.map((folder) => `mkdir -p ${operand(folder)} || fail '${SAID.noPlace}'`),
    ...paths.map(
      (path) =>
        `if [ -d ${operand(path)} ]; then echo ${quote(`${path} is a folder`)} >&2; fail '${SAID.noPlace}'; fi`,
    ),
    'umask 077',
    ...stages.map((folder) => `mkdir ${folder} || fail '${SAID.noPlace}'`),
    `echo '${SAID.ready}'`,
    '',
  ].join('\n');
}

/**
 * Octets into a file. As a here-document where they end a line, so that a key stands on no command line
 * even where printf is a program of its own.
 */
function writing(content: string, to: string): readonly string[] {
  const octets = Buffer.byteLength(content);
  const write = content.endsWith('\n')
    ? [`cat > ${to} <<'fleetca-end' || return 1`, `${content}fleetca-end`]
    : [`printf %s ${quote(content)} > ${to} || return 1`];
  // Not every shell tells of a full disk when it writes.
  return [...write, `[ "$(wc -c < ${to})" -eq ${octets} ] || return 1`];
}

/**
 * The second part: writes all files on the way, then moves each to its place. Where a move fails, those
 * before it are undone; once they have begun, no broken connection stops them.
 */
export function placingScript(files: readonly PlacedFile[], stage: string): string {
  const moves = files.map(({ path }, i) => ({
    to: operand(path),
    fresh: stagePath(path, stage, `${i}.new`),
    kept: stagePath(path, stage, `${i}.old`),
  }));
  return [
    'place() {',
    ...files.flatMap(({ path, content }, i) => writing(content, stagePath(path, stage, `${i}.new`))),
    'sync || :',
    `trap '' HUP INT TERM PIPE`,
    // FAT has no hard links.
    ...moves.map(
      ({ to, kept }) =>
        `if [ -e ${to} ]; then ln ${to} ${kept} 2> /dev/null || cp -p ${to} ${kept} || return 1; fi`,
    ),
    `${moves.map(({ to, fresh }) => `mv -f ${fresh} ${to}`).join(' && ')} && return 0`,
    // A file that is not on the way any more has been moved.
    ...moves.map(
      ({ to, fresh, kept }) =>
        `if [ ! -e ${fresh} ]; then if [ -e ${kept} ]; then mv -f ${kept} ${to}; else rm -f ${to}; fi; fi`,
    ),
    'return 1',
    '}',
    `place || fail '${SAID.notWritten}'`,
    'sync || :',
    `echo '${SAID.done}'`,
    '',
  ].join('\n');
}
