import type { Act, Actor, Generation, GenerationState } from './ledger-records.ts';
import type { LineMember, Move, MoveWish, RotationTerms } from './rotation.ts';

/** A generation that a move is about. */
export interface MoveOrder extends MoveWish {
  readonly fleetId: number;
  readonly authority: string;
  readonly terms: RotationTerms;
}

/** What was done with a generation. */
export interface GenerationMove {
  readonly generation: number;
  /** The move that changed its state; of another generation of the line, often. */
  readonly move: Move;
  readonly from: GenerationState;
  readonly to: GenerationState;
  readonly at: Date;
  readonly actor: Actor;
  /** Why it was forced; null: it was not. */
  readonly forced: string | null;
}

/** That an authority's rotation has to begin soon, or should have begun. */
export interface RotationDue {
  readonly generation: Generation;
  readonly urgency: 'soon' | 'late';
  /** The last day to begin. */
  readonly latestStart: Date;
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
  /** An authority's generations as a move at that time would be judged by, in order of their numbers. */
  readLine(fleetId: number, authority: string, at: Date): Promise<readonly LineMember[]>;
  /** The number that an authority's next generation gets; those that were given up keep theirs. */
  nextGeneration(fleetId: number, authority: string): Promise<number>;
  /** All moves of an authority's generations, oldest first. */
  listMoves(fleetId: number, authority: string): Promise<readonly GenerationMove[]>;
}
