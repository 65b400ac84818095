import { X509Certificate } from 'node:crypto';
import type { Moment } from './strace-log.ts';

/** Files whose content the promises are about: the database and its write-ahead log; not the -shm. */
const isLedger = (file: string): boolean => /\.sqlite(-wal)?$/.test(file);
const baseName = (file: string): string => file.slice(file.lastIndexOf('/') + 1);

/** Follows which ledger files hold octets that no sync has covered. */
class Dirt {
  readonly #dirty = new Set<string>();
  /** Files written to since the sync under way in a thread began. */
  readonly #since = new Map<string, boolean>();

  follow(moment: Moment): void {
    if (moment.kind === 'sent' || !isLedger(moment.file)) return;
    const { file } = moment;
    if (moment.kind === 'write') {
      this.#dirty.add(file);
      for (const key of this.#since.keys()) if (key.endsWith(` ${file}`)) this.#since.set(key, true);
    } else if (moment.kind === 'sync-begins') this.#since.set(`${moment.thread} ${file}`, false);
    else if (this.#since.get(`${moment.thread} ${file}`) === false) this.#dirty.delete(file);
  }

  get files(): readonly string[] {
    return [...this.#dirty].map(baseName);
  }
}

const STATUS_LINE = /HTTP\/1\.1 2\d\d /;

export interface Finding {
  readonly answers: number;
  /** Answers of 2xx that began while a ledger file was not synced: which one, and the file. */
  readonly early: readonly string[];
}

/**
 * The rule for a client with one request outstanding: no status line of 2xx leaves while the database
 * or its log holds octets that were written after the last sync of that file.
 */
export function checkAnswers(moments: readonly Moment[]): Finding {
  const dirt = new Dirt();
  const early: string[] = [];
  let answers = 0;
  for (const moment of moments) {
    dirt.follow(moment);
    if (moment.kind !== 'sent' || !STATUS_LINE.test(moment.octets.toString('latin1'))) continue;
    answers++;
    early.push(...dirt.files.map((file) => `answer ${answers}: ${file}`));
  }
  return { answers, early };
}

/** More than one certificate's PEM, in JSON. */
const LONGEST_OPEN = 8192;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----(?:\\n|[A-Za-z0-9+/=])+-----END CERTIFICATE-----/g;
const fingerprintOf = (pem: string): string =>
  new X509Certificate(pem.replaceAll('\\n', '\n')).fingerprint256.replaceAll(':', '').toLowerCase();

/** Fingerprints that the log's syncs have covered, as they come to be. */
class SyncedRecord {
  readonly #syncing = new Map<string, number>();
  #written: Buffer[] = [];
  #covered = Buffer.alloc(0);

  follow(moment: Moment): void {
    if (moment.kind === 'sent' || !moment.file.endsWith('.sqlite-wal')) return;
    if (moment.kind === 'write') this.#written.push(moment.octets);
    else if (moment.kind === 'sync-begins') this.#syncing.set(moment.thread, this.#written.length);
    else {
      const count = this.#syncing.get(moment.thread) ?? 0;
      this.#covered = Buffer.concat([this.#covered, ...this.#written.slice(0, count)]);
      this.#written = this.#written.slice(count);
      this.#syncing.clear();
    }
  }

  /** Octets covered so far; the moment in a form that can be kept. */
  get length(): number {
    return this.#covered.length;
  }

  /** Whether it was covered by then: an index's page holds the fingerprint whole. */
  had(length: number, fingerprint: string): boolean {
    return this.#covered.subarray(0, length).includes(Buffer.from(fingerprint, 'hex'));
  }
}

export interface CertificatesFinding {
  /** Different certificates that left. */
  readonly certificates: number;
  /** Fingerprints of those of which an octet left before the log that holds them was synced. */
  readonly early: readonly string[];
}

/**
 * The rule for every certificate of the fleet, whatever else is under way: none leaves in any answer
 * before the page of the log that records it was synced. `isLeaf` says which are the fleet's.
 */
export function checkCertificates(
  moments: readonly Moment[],
  isLeaf: (pem: string) => boolean,
): CertificatesFinding {
  const record = new SyncedRecord();
  const left = new Set<string>();
  const early = new Set<string>();
  const begun = new Map<string, { readonly text: string; readonly covered: number }>();
  for (const moment of moments) {
    record.follow(moment);
    if (moment.kind !== 'sent') continue;
    const before = begun.get(moment.connection) ?? { text: '', covered: record.length };
    const text = before.text + moment.octets.toString('latin1');
    // What began to leave in an earlier piece is judged by what was synced then.
    const coveredAt = (at: number): number => (at < before.text.length ? before.covered : record.length);
    let end = 0;
    for (const match of text.matchAll(CERTIFICATE)) {
      end = match.index + match[0].length;
      if (!isLeaf(match[0].replaceAll('\\n', '\n'))) continue;
      const fingerprint = fingerprintOf(match[0]);
      left.add(fingerprint);
      if (!record.had(coveredAt(match.index), fingerprint)) early.add(fingerprint);
    }
    const open = Math.max(end, text.indexOf('-----BEGIN', end), text.length - LONGEST_OPEN);
    begun.set(moment.connection, { text: text.slice(open), covered: coveredAt(open) });
  }
  return { certificates: left.size, early: [...early] };
}
