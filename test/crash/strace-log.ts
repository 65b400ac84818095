import { readFileSync } from 'node:fs';

/**
 * A moment in a trace. A call that another thread's line interrupts has two: where it begins and where
 * it ends. What is written counts from its beginning; what is synced counts at its end, and only what
 * was written before the sync began.
 */
export type Moment =
  | { readonly kind: 'write'; readonly file: string; readonly octets: Buffer }
  | { readonly kind: 'sync-begins'; readonly file: string; readonly thread: string }
  | { readonly kind: 'synced'; readonly file: string; readonly thread: string }
  | Sent;

/** Octets that the system took; they may leave from the beginning of the call on. */
interface Sent {
  readonly kind: 'sent';
  readonly connection: string;
  octets: Buffer;
}

const SYNCS: ReadonlySet<string> = new Set(['fsync', 'fdatasync']);
/** `123  pwrite64(7<\x2f…>, "…", 24, 0) = 24`, or up to ` <unfinished ...>`. */
const CALL = /^(\d+) +(\w+)\(\d+<([^>]*)>(.*)$/;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>.* = (-?\d+)/;
const TEXT = /"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g;

const octetsIn = (text: string): Buffer => Buffer.from(text.replaceAll('\\x', ''), 'hex');
const nameOf = (text: string): string => (text.startsWith('\\x') ? octetsIn(text).toString('utf8') : text);

function octetsOf(line: string, rest: string): Buffer {
  const pieces: Buffer[] = [];
  for (const [, text = '', cut] of rest.matchAll(TEXT)) {
    if (cut) throw new Error(`strace cut a text off: give it a larger -s (${line.slice(0, 120)})`);
    pieces.push(octetsIn(text));
  }
  return Buffer.concat(pieces);
}

/** Reads what `strace -f -yy -xx` wrote of writes, sends and syncs: those to files in a folder, and to TCP. */
export function readStrace(path: string, folder: string): readonly Moment[] {
  const moments: Moment[] = [];
  const syncing = new Map<string, string>();
  const sending = new Map<string, Sent>();
  for (const line of readFileSync(path, 'latin1').split('\n')) {
    const resumed = RESUMED.exec(line);
    if (resumed) {
      const [, thread = '', name = '', status] = resumed;
      const file = SYNCS.has(name) ? syncing.get(thread) : undefined;
      const sent = SYNCS.has(name) ? undefined : sending.get(thread);
      sending.delete(thread);
      // A socket may have taken less than it was given; the rest comes again.
      if (sent) sent.octets = sent.octets.subarray(0, Math.max(0, Number(status)));
      if (file === undefined) continue;
      syncing.delete(thread);
      if (status === '0') moments.push({ kind: 'synced', file, thread });
      continue;
    }
    const [, thread = '', name = '', target = '', rest = ''] = CALL.exec(line) ?? [];
    const file = nameOf(target);
    if (/^TCP/.test(file)) {
      const taken = / = (-?\d+)[^"]*$/.exec(rest)?.[1] ?? Number.POSITIVE_INFINITY;
      const octets = octetsOf(line, rest).subarray(0, Math.max(0, Number(taken)));
      const sent: Sent = { kind: 'sent', connection: file, octets };
      if (rest.endsWith('<unfinished ...>')) sending.set(thread, sent);
      moments.push(sent);
    }
    if (!file.startsWith(folder)) continue;
    if (!SYNCS.has(name)) {
      moments.push({ kind: 'write', file, octets: octetsOf(line, rest) });
      continue;
    }
    moments.push({ kind: 'sync-begins', file, thread });
    if (rest.endsWith('<unfinished ...>')) syncing.set(thread, file);
    else if (/ = 0$/.test(rest)) moments.push({ kind: 'synced', file, thread });
  }
  return moments;
}
