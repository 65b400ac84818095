/** What enrollment asks of the outside: a place for tokens, and keys for devices that have none. */
import type { DeviceKeyAlgorithm } from '../x509/index.ts';

/** A key pair that was made for a device. Whoever hands it on wipes `pkcs8`. */
export interface MadeKey {
  /** PrivateKeyInfo (OneAsymmetricKey), DER. */
  readonly pkcs8: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
}

/** Makes a key pair that nobody else has. */
export type KeyMaker = (algorithm: DeviceKeyAlgorithm) => MadeKey;

export const ROLES = ['admin', 'security', 'station', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

/** A right that a token may carry beyond its role. */
export const RIGHTS = ['supersede', 'report-handshakes'] as const;
export type Right = (typeof RIGHTS)[number];

/** How many certificates a token may have made; null: as many as it likes. */
export interface Quota {
  readonly total: number | null;
  /** In an hour of the clock, UTC. */
  readonly perHour: number | null;
}

/** What the requests of a token are bound to, beyond its role and fleet. */
export interface TokenBounds {
  readonly quota: Quota;
  /** Stamped on everything that it has made. */
  readonly labels: Readonly<Record<string, string>>;
  /** Device profiles that it may ask under; empty: all. */
  readonly profiles: readonly string[];
  /** As `verifyIdPattern` takes it; null: any ID. */
  readonly idPattern: string | null;
}

/** Units of a quota that are spent. A token without a quota is not counted. */
export interface Spending {
  readonly total: number;
  /** The last hour in which one was spent. */
  readonly hour: { readonly began: Date; readonly count: number } | null;
}

export interface TokenRecord {
  /** 16 lower-case hex digits; public, part of the token itself. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly rights: readonly Right[];
  /** null: every fleet. A station always has one. */
  readonly fleet: string | null;
  readonly bounds: TokenBounds;
  /** SHA-256 of the secret part. The secret itself is stored nowhere. */
  readonly secretHash: Uint8Array;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
}

/** A token as it is on record. */
export interface StoredToken extends TokenRecord {
  readonly spent: Spending;
}

/** Who acts, for the audit entry (the shape of the ledger's `Act`). */
export interface TokenAct {
  readonly at: Date;
  readonly actor: {
    readonly kind: 'token' | 'registration' | 'device' | 'service' | 'operator';
    readonly id: string;
    readonly role: string;
  };
}

/** Commands are durable when they resolve and carry their audit entry, as in the ledger. */
export interface TokenStore {
  recordToken(act: TokenAct, token: TokenRecord): Promise<void>;
  findToken(id: string): Promise<StoredToken | undefined>;
  /** In order of id, after `after` ('' for the first page). */
  listTokens(after: string, limit: number): Promise<readonly StoredToken[]>;
  /** The same again changes nothing. Rejects with `not-found`. */
  revokeToken(act: TokenAct, id: string): Promise<void>;
}
