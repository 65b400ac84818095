import type { Act } from './ledger-records.ts';

/** OTA servers that a fleet's root is made known to, each in its own way. */
export const SERVER_KINDS = ['ota-connect', 'ota-ce', 'aws-iot', 'azure-dps'] as const;
export type ServerKind = (typeof SERVER_KINDS)[number];

/**
 * How far a root has come at a server: what it needs was made; it was sent, or written there; the server
 * takes devices under it; another has taken its place. A person or a script says so.
 */
export const ROOT_STATES = ['prepared', 'handed-over', 'confirmed', 'replaced'] as const;
export type RootState = (typeof ROOT_STATES)[number];

export interface NewServer {
  readonly fleetId: number;
  /** Of the fleet's servers; as names of authorities are. */
  readonly name: string;
  readonly kind: ServerKind;
}

/** What was last said of a root at a server. */
export interface ServerRoot {
  readonly generationId: number;
  readonly state: RootState;
  readonly note: string | null;
  readonly changedAt: Date;
  /** The token's id. */
  readonly changedBy: string;
}

export interface Server extends NewServer {
  readonly id: number;
  readonly createdAt: Date;
  /** In order of the generations. */
  readonly roots: readonly ServerRoot[];
}

/** That the key of a root is about to sign something for a server: never a certificate of a device. */
export interface PossessionIntent {
  readonly serverId: number;
  readonly generationId: number;
  /** A certification request, or a certificate that lives for days and is good for nothing else. */
  readonly form: 'request' | 'certificate';
  /** What the server gave; null: it gives none. */
  readonly code: string | null;
  /** Of the certificate. */
  readonly serial: Uint8Array | null;
  /** SHA-256 of what is signed. */
  readonly digest: Uint8Array;
}

/** The ledger of servers. Commands are as those of `Ledger`. */
export interface ServerLedger {
  /** Rejects with `already-exists` where the fleet has a server of the name. */
  recordServer(act: Act, server: NewServer): Promise<Server>;
  findServer(fleetId: number, name: string): Promise<Server | undefined>;
  /** In order of name, after `after` ('' for the first page). */
  listServers(fleetId: number, after: string, limit: number): Promise<readonly Server[]>;
  /**
   * Writes down what is about to be signed. A root that nothing was said of at the server is `prepared`.
   * Rejects with `clock-behind` as for any intent.
   */
  recordPossessionIntent(act: Act, intent: PossessionIntent): Promise<void>;
  /** Says how far a root has come. The same state and note again change nothing. */
  recordRootState(
    act: Act,
    serverId: number,
    generationId: number,
    said: Pick<ServerRoot, 'state' | 'note'>,
  ): Promise<void>;
}
