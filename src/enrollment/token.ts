import { createHash, timingSafeEqual } from 'node:crypto';
import { PkiError } from '../errors.ts';
import type { Random } from '../random.ts';
import { verifyTokenBounds } from './bounds.ts';
import type { Right, Role, TokenBounds, TokenRecord } from './ports.ts';

/** `fca_`, the token's public id, and 32 random octets in base64url: 256 bits that nobody guesses. */
const TOKEN = /^fca_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const DAY = 86_400_000;

/** Longest life of a token, days. */
export const MAX_TOKEN_DAYS = 3650;

export interface TokenWish {
  readonly name: string;
  readonly role: Role;
  readonly rights: readonly Right[];
  /** A fleet's name; null: all fleets. */
  readonly fleet: string | null;
  readonly bounds: TokenBounds;
  readonly validityDays: number;
}

export interface MintedToken {
  readonly record: TokenRecord;
  /** The token itself: shown once, stored nowhere. */
  readonly secret: string;
}

const hashSecret = (secret: string): Uint8Array => createHash('sha256').update(secret, 'latin1').digest();

/**
 * Makes a token. A plain SHA-256 is enough for the stored hash, because the secret has 256 random bits.
 * Refuses `bad-request`: a station without a fleet, a lifetime outside 1 to 3650 days, bounds that do not fit.
 */
export function mintToken(random: Random, now: Date, wish: TokenWish): MintedToken {
  if (wish.role === 'station' && wish.fleet === null) {
    throw new PkiError(
      'bad-request',
      'A station token needs a fleet: a station asks in its own fleet and nowhere else.',
    );
  }
  // Said so that NaN is refused too: a token without a date of expiry would never expire.
  if (!(wish.validityDays >= 1 && wish.validityDays <= MAX_TOKEN_DAYS)) {
    throw new PkiError('bad-request', `A token lives 1 to ${MAX_TOKEN_DAYS} days.`);
  }
  verifyTokenBounds(wish.role, wish.bounds);
  const id = Buffer.from(random.bytes(8)).toString('hex');
  const secret = Buffer.from(random.bytes(32)).toString('base64url');
  const { validityDays, ...rest } = wish;
  return {
    secret: `fca_${id}_${secret}`,
    record: {
      ...rest,
      id,
      secretHash: hashSecret(secret),
      createdAt: now,
      expiresAt: new Date(now.getTime() + validityDays * DAY),
      revokedAt: null,
    },
  };
}

/** The parts of a presented token; undefined where it has not the form of one. */
export function parseToken(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Compared with when there is no such token, so that a guess takes as long either way. */
const NO_HASH = new Uint8Array(32);

/**
 * Judges a presented secret against the record, in constant time. The answer to every failure is the
 * same `unauthenticated`, except that the holder of the right secret is told that it has ended.
 */
export function verifyToken<T extends TokenRecord>(record: T | undefined, secret: string, now: Date): T {
  const fits = timingSafeEqual(hashSecret(secret), record?.secretHash ?? NO_HASH);
  if (record === undefined || !fits) throw new PkiError('unauthenticated', 'The token is not valid.');
  if (record.revokedAt !== null)
    throw new PkiError('unauthenticated', 'The token was revoked.', { facts: { token: record.id } });
  if (record.expiresAt <= now) {
    throw new PkiError('unauthenticated', `The token expired on ${record.expiresAt.toISOString()}.`, {
      facts: { token: record.id },
    });
  }
  return record;
}
