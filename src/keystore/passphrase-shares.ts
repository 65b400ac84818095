import { createHash, createHmac } from 'node:crypto';
import { combine, split } from 'shamir-secret-sharing';
import type { Random } from '../random.ts';
import { KeystoreSetupError } from './setup-error.ts';
import { decodeLine, encodeLine, SHARE_LINES } from './share-line.ts';

/** One custodian's part of a passphrase (Shamir's secret sharing over GF(256)). */
export interface PassphraseShare {
  /** Where it was read, for messages. */
  readonly title: string;
  readonly needed: number;
  readonly total: number;
  readonly number: number;
  /** Which splitting it is of: 4 random octets. */
  readonly set: Uint8Array;
  readonly check: Uint8Array;
  readonly share: Uint8Array;
}

export interface SplitWish {
  /** How many shares give the passphrase: 2 at least. */
  readonly needed: number;
  /** Whom each is for, in order. */
  readonly custodians: readonly string[];
  /** What the passphrase opens, for the person who finds a share. */
  readonly opens: string;
  readonly random: Random;
}

export interface SplitPassphrase {
  readonly passphrase: string;
  /** A text each, in the order of the custodians. */
  readonly texts: readonly string[];
}

const VERSION = 1;
const SECRET_OCTETS = 32;
const SET_OCTETS = 4;
const CHECK_OCTETS = 8;
/** Version, needed, total, number, set, check, and the share: the secret's octets and one more. */
const OCTETS = 4 + SET_OCTETS + CHECK_OCTETS + SECRET_OCTETS + 1;

/**
 * The value by which a wrong secret shows: too few shares, or a wrong one, give a secret all the same. It can stand
 * in every share, for the secret is 256 random bits and never a person's words: from its keyed hash nobody finds it
 * by trying, as one would a chosen passphrase.
 */
const checkOf = (secret: Uint8Array, set: Uint8Array): Buffer =>
  createHmac('sha256', secret)
    .update('fleetca passphrase share')
    .update(set)
    .digest()
    .subarray(0, CHECK_OCTETS);

const passphraseOf = (secret: Uint8Array): string => Buffer.from(secret).toString('base64url');

const refuse = (message: string): never => {
  throw new KeystoreSetupError([message]);
};

/** What is written out: the octets of a share and, at the end, the first of their SHA-256 to fill the last line. */
function octetsOf(share: Omit<PassphraseShare, 'title'>): Buffer {
  const octets = Buffer.concat([
    Buffer.from([VERSION, share.needed, share.total, share.number]),
    share.set,
    share.check,
    share.share,
  ]);
  return Buffer.concat([octets, createHash('sha256').update(octets).digest().subarray(0, 1)]);
}

function textOf(share: Omit<PassphraseShare, 'title'>, custodian: string, opens: string): string {
  const octets = octetsOf(share);
  const lines = Array.from({ length: SHARE_LINES }, (_, i) => encodeLine(octets, i));
  return [
    `fleetca: share ${share.number} of ${share.total} of the passphrase of ${opens}`,
    `For ${custodian}. Any ${share.needed} shares of set ${Buffer.from(share.set).toString('hex')} give the passphrase, and fewer give nothing.`,
    'Keep it where none of the others is.',
    '',
    ...lines,
    '',
  ].join('\n');
}

/** Makes a random passphrase (256 bits), and a text for each custodian. Neither is kept anywhere. */
export async function splitPassphrase({
  needed,
  custodians,
  opens,
  random,
}: SplitWish): Promise<SplitPassphrase> {
  const secret = Uint8Array.from(random.bytes(SECRET_OCTETS));
  const set = Uint8Array.from(random.bytes(SET_OCTETS));
  const check = checkOf(secret, set);
  const total = custodians.length;
  const shares = await split(secret, total, needed);
  const texts = shares.map((share, i) =>
    textOf({ needed, total, number: i + 1, set, check, share }, custodians[i] ?? '', opens),
  );
  const passphrase = passphraseOf(secret);
  secret.fill(0);
  return { passphrase, texts };
}

const LINE = /^\s*0?([0-9])\s*[.:)]?\s+(\S.*)$/;

/** Lines of the share in a text, in order; what stands around them is for people. */
function linesOf(title: string, text: string): readonly string[] {
  const lines = new Map<number, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, number, content] = LINE.exec(line) ?? [];
    if (number === undefined || content === undefined) continue;
    if (lines.has(Number(number))) return refuse(`${title} has two lines ${number}: one share is due.`);
    lines.set(Number(number), content);
  }
  return Array.from(
    { length: SHARE_LINES },
    (_, i) => lines.get(i + 1) ?? refuse(`${title} has no line ${i + 1}: a share has ${SHARE_LINES}.`),
  );
}

/**
 * Reads a share as a custodian keeps it; capitals, blanks and hyphens do not matter, nor O for 0, I and L for 1.
 * Rejects with `KeystoreSetupError`, which names the first line that does not fit its checksum.
 */
export function parseShare(title: string, text: string): PassphraseShare {
  let octets: Buffer = Buffer.alloc(0);
  for (const [i, line] of linesOf(title, text).entries()) octets = decodeLine(title, octets, line, i);
  const [version = 0, needed = 0, total = 0, number = 0] = octets;
  if (version !== VERSION) return refuse(`${title} is a share of a later form (${version}).`);
  const at = 4 + SET_OCTETS;
  const share = {
    title,
    needed,
    total,
    number,
    set: octets.subarray(4, at),
    check: octets.subarray(at, at + CHECK_OCTETS),
    share: octets.subarray(at + CHECK_OCTETS, OCTETS),
  };
  return Buffer.compare(octetsOf(share), octets) === 0
    ? share
    : refuse(`${title} is damaged: its last octet does not fit.`);
}

const isSameSet = (one: PassphraseShare, other: PassphraseShare): boolean =>
  Buffer.compare(one.set, other.set) === 0 && one.needed === other.needed;

/**
 * The passphrase of as many shares as are needed. Rejects with `KeystoreSetupError` where there are fewer, two of
 * one custodian, or one of another set; and where what they give is not what was split.
 */
export async function combineShares(shares: readonly PassphraseShare[]): Promise<string> {
  const [first] = shares;
  if (!first) return refuse('There is no share.');
  for (const [i, share] of shares.entries()) {
    if (!isSameSet(first, share))
      return refuse(`${share.title} is of another set than ${first.title}: the passphrase was split anew.`);
    const twin = shares.slice(0, i).find(({ number }) => number === share.number);
    if (twin) return refuse(`${share.title} and ${twin.title} are the same share, number ${share.number}.`);
  }
  if (shares.length < first.needed) {
    return refuse(
      `${first.needed} shares are needed, and there are ${shares.length}: fewer give a wrong passphrase.`,
    );
  }
  const secret = await combine(shares.slice(0, first.needed).map(({ share }) => Uint8Array.from(share)));
  const fits = Buffer.compare(checkOf(secret, first.set), first.check) === 0;
  return fits
    ? passphraseOf(secret)
    : refuse('The shares do not give what was split: one of them is not as it was written.');
}
