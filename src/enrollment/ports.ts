/** What enrollment asks of the outside: a place for tokens. */

export const ROLES = ['admin', 'security', 'station', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

/** A right that a token may carry beyond its role. */
export const RIGHTS = ['supersede'] as const;
export type Right = (typeof RIGHTS)[number];

export interface TokenRecord {
  /** 16 lower-case hex digits; public, part of the token itself. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly rights: readonly Right[];
  /** null: every fleet. A station always has one. */
  readonly fleet: string | null;
  /** SHA-256 of the secret part. The secret itself is stored nowhere. */
  readonly secretHash: Uint8Array;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
}

/** Who acts, for the audit entry (the shape of the ledger's `Act`). */
export interface TokenAct {
  readonly at: Date;
  readonly actor: {
    readonly kind: 'token' | 'service' | 'operator';
    readonly id: string;
    readonly role: string;
  };
}

/** Commands are durable when they resolve and carry their audit entry, as in the ledger. */
export interface TokenStore {
  recordToken(act: TokenAct, token: TokenRecord): Promise<void>;
  findToken(id: string): Promise<TokenRecord | undefined>;
  /** In order of id, after `after` ('' for the first page). */
  listTokens(after: string, limit: number): Promise<readonly TokenRecord[]>;
  /** The same again changes nothing. Rejects with `not-found`. */
  revokeToken(act: TokenAct, id: string): Promise<void>;
}
