import type { Act, Actor, Generation, GenerationState } from './ledger-records.ts';
import type { LineMember, Move, MoveWish, RotationTerms, Withdrawal } from './rotation.ts';

/** A generation that a move is about. */
export interface MoveOrder extends MoveWish {
  readonly fleetId: number;
  readonly authority: string;
  readonly terms: RotationTerms;
}

/** What was done with a generation. */
export interface GenerationMove {
  readonly generation: number;
  /** The move that changed its state; of another generation of the line, or of the root above it, often. */
  readonly move: Move | 'compromise';
  readonly from: GenerationState;
  readonly to: GenerationState;
  readonly at: Date;
  readonly actor: Actor;
  /** Why it was forced; null: it was not. */
  readonly forced: string | null;
  /** What was decided where one was found compromised; null: it was another move. */
  readonly compromise: {
    readonly reason: string;
    readonly withdrawal: Withdrawal;
    /** Devices that had nothing else to go on with. */
    readonly cutsOff: number;
  } | null;
}

export interface CompromiseWish {
  readonly authority: string;
  readonly number: number;
  readonly reason: string;
  readonly withdrawal: Withdrawal;
  /** How many devices whoever decides is ready to cut off. */
  readonly confirmed: number;
}

/** A decision that a generation is compromised. */
export interface CompromiseOrder extends CompromiseWish {
  readonly fleetId: number;
  /** What was counted before, up to an intent; what came after that is counted when it is decided. */
  readonly counted: { readonly devices: number; readonly through: number };
  /** Whose certificates count. */
  readonly under: readonly number[];
}

/** A generation by its names. */
export interface MemberName {
  readonly fleetId: number;
  readonly authority: string;
  readonly number: number;
}

/** How a gateway is known to have a generation: it named it among the CAs that it accepts, or a person said so. */
export const ACKNOWLEDGEMENT_WAYS = ['probe', 'word'] as const;

export interface Acknowledgement {
  readonly way: (typeof ACKNOWLEDGEMENT_WAYS)[number];
  /** Who said it, or what was seen. */
  readonly word: string;
  readonly at: Date;
  /** The token's id. */
  readonly by: string;
}

export interface AcknowledgementOrder extends Pick<Acknowledgement, 'way' | 'word'> {
  readonly fleetId: number;
  readonly authority: string;
  readonly number: number;
  /** Host and port of the fleet's gateway, as `URL.host` writes them, or the name of a server. */
  readonly gateway: string;
}

/** A gateway that has to have a generation before it issues; null: it is awaited. */
export interface GatewayState {
  readonly gateway: string;
  readonly acknowledged: Acknowledgement | null;
}

/** Certificates of devices that stand under some generations of a fleet. */
export interface StandingQuery {
  readonly under: readonly number[];
  /** Under which a device with such a certificate has another, to go on with. */
  readonly trusted: readonly number[];
  /** Those that end later. */
  readonly at: Date;
}

/** The newest certificate that a device has under them, of a profile. */
export interface Standing {
  readonly intentId: number;
  readonly deviceId: string;
  readonly profile: string;
  readonly issuerId: number;
  readonly serial: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly notAfter: Date;
  /** The newest of the same profile under one that is trusted; null: it has none. */
  readonly successor: Uint8Array | null;
}

export interface StandingPage {
  readonly standing: readonly Standing[];
  /** Where to go on; null: that was the end. There may be none on a page, and more to come. */
  readonly next: string | null;
}

/** That an authority's rotation has to begin soon, or should have begun. */
export interface RotationDue {
  readonly generation: Generation;
  readonly urgency: 'soon' | 'late';
  /** The last day to begin. */
  readonly latestStart: Date;
}

/** That a generation, which issues or drains, is about to end. */
export interface AuthorityExpiring {
  readonly generation: Generation;
  readonly withinDays: number;
  readonly notAfter: Date;
}

/** The ledger of rotation. Commands are as those of `Ledger`. */
export interface RotationLedger {
  /**
   * Moves a generation, and with it the one that it takes the place of: all of it or nothing. `planMove` decides,
   * by what the ledger holds then. Gives the generation as it is after that. Rejects with `rotation-refused`,
   * `not-found`.
   */
  moveGeneration(act: Act, order: MoveOrder): Promise<Generation>;
  /** Puts on record that a rotation is due, once for each urgency of a generation. Gives false where it is on record. */
  recordRotationDue(act: Act, due: RotationDue): Promise<boolean>;
  /**
   * Puts on record that a generation ends within so many days, once for each number. Gives false where it is on record
   * for that, or for fewer days.
   */
  recordAuthorityExpiring(act: Act, expiring: AuthorityExpiring): Promise<boolean>;
  /** An authority's generations as a move at that time would be judged by, in order of their numbers. */
  readLine(fleetId: number, authority: string, at: Date): Promise<readonly LineMember[]>;
  /** The number that an authority's next generation gets; those that were given up keep theirs. */
  nextGeneration(fleetId: number, authority: string): Promise<number>;
  /**
   * Marks a generation compromised, and what falls with it: all of it or nothing. `planCompromise` decides, by
   * what the ledger holds then. Where nothing is left to change there is no entry. Gives the generation as it is after
   * that. Rejects with `rotation-refused`, `not-found`.
   */
  compromiseGeneration(act: Act, order: CompromiseOrder): Promise<Generation>;
  /**
   * Records that a gateway has a generation; the last word counts. Rejects with `rotation-refused` where the
   * generation is in no bundle, with `not-found` where the fleet has no such gateway.
   */
  acknowledgeGeneration(act: Act, order: AcknowledgementOrder): Promise<void>;
  /** The gateways that have to have the generations of an authority that are published, by their numbers. */
  listGateways(
    fleetId: number,
    authority: string,
  ): Promise<readonly (GatewayState & { readonly generation: number })[]>;
  /**
   * Gives a generation's key up: it signs nothing more but a last CRL. The same again changes nothing, and keeps the
   * first reason. Rejects with `not-found`, `rotation-refused`.
   */
  giveUpKey(act: Act, of: MemberName, reason: string): Promise<Generation>;
  /**
   * Records that the key of a generation is gone, which was given up before. From then on its last CRL stays the
   * last. The same again changes nothing. Rejects where the key was not given up, and where a generation that
   * signs CRLs has no last one.
   */
  recordDestroyed(act: Act, generationId: number): Promise<Generation>;
  /** The last intent before which all are completed or given up. */
  settledThrough(): Promise<number>;
  /**
   * Certificates that stand, by their issuer and end, after a cursor ('' for the first page). Looks at `limit`
   * candidates.
   */
  listStanding(query: StandingQuery, after: string, limit: number): Promise<StandingPage>;
  /** All moves of an authority's generations, oldest first. */
  listMoves(fleetId: number, authority: string): Promise<readonly GenerationMove[]>;
}
