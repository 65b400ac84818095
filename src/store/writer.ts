import { PkiError } from '../errors.ts';
import { isFatal, storageError } from './failure.ts';
import type { Session } from './session.ts';

interface Command {
  readonly run: (session: Session) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

type Settled = (Command & { readonly value: unknown }) | (Command & { readonly failure: unknown });

/** Commands that share one transaction, at most. */
const DRAIN = 64;

/**
 * The one that writes. Commands wait in a queue; all that wait go into one transaction, and resolve after
 * it is on disk: one sync for all of them. A command that throws undoes itself alone; a commit that fails
 * undoes, and rejects, all. Commands change nothing but the database: where one throws, those that shared
 * its transaction run again.
 */
export class Writer {
  readonly #session: Session;
  readonly #verifyPlace: () => void;
  #waiting: Command[] = [];
  #scheduled = false;
  #broken: unknown;

  /** `verifyPlace` throws where what is written now would be written in vain. */
  constructor(session: Session, verifyPlace: () => void = () => undefined) {
    this.#session = session;
    this.#verifyPlace = verifyPlace;
  }

  /** Runs a command in the next transaction. Resolves when it is on disk. */
  write<T>(run: (session: Session) => T): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ run, resolve, reject });
      this.#schedule();
    }) as Promise<T>;
  }

  /** Told of every failure of the medium, a read's too: after a fatal one nothing is written. */
  observe(failure: unknown): void {
    if (isFatal(failure)) this.#broken ??= failure;
  }

  /** Later in this turn of the event loop, so that what arrives together is written together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#drain();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #drain(): void {
    const commands = this.#waiting.splice(0, DRAIN);
    try {
      for (const settled of this.#transact(commands)) {
        if ('failure' in settled) settled.reject(storageError(settled.failure));
        else settled.resolve(settled.value);
      }
    } catch (failure) {
      this.observe(failure);
      for (const { reject } of commands) reject(storageError(failure));
    }
  }

  #transact(commands: readonly Command[]): readonly Settled[] {
    if (this.#broken !== undefined) {
      throw new PkiError(
        'storage-unavailable',
        'The database failed earlier; the service must be restarted before it writes again.',
        { cause: this.#broken },
      );
    }
    this.#verifyPlace();
    // Savepoints cost a third of what a row costs: SQLite keeps a copy of each page that changes under one.
    // Hardly a command throws, so they are made only where one did.
    return (
      this.#inTransaction(() => this.#runTogether(commands)) ??
      this.#inTransaction(() => commands.map((command) => this.#runApart(command))) ??
      []
    );
  }

  /** Commits what `work` did. Where it gives undefined, or throws, nothing of it is done. */
  #inTransaction<T>(work: () => T | undefined): T | undefined {
    const { connection } = this.#session;
    connection.exec('BEGIN IMMEDIATE');
    try {
      const done = work();
      if (done === undefined) this.#rollBack();
      else connection.exec('COMMIT');
      return done;
    } catch (failure) {
      this.#rollBack();
      throw failure;
    }
  }

  /** What cannot be undone must not be written on: the connection is still in the transaction. */
  #rollBack(): void {
    const { connection } = this.#session;
    this.#session.forget();
    try {
      // SQLite has rolled back by itself after some errors; then there is nothing left to undo.
      if (connection.inTransaction) connection.exec('ROLLBACK');
    } catch (failure) {
      this.#broken ??= failure;
    }
  }

  /** All commands one after the other; undefined where one of them throws what is its own business. */
  #runTogether(commands: readonly Command[]): readonly Settled[] | undefined {
    const settled: Settled[] = [];
    try {
      for (const command of commands) settled.push({ ...command, value: command.run(this.#session) });
      return settled;
    } catch (failure) {
      this.#throwMedium(failure);
      return undefined;
    }
  }

  /** One command under a savepoint: one that throws undoes itself alone. */
  #runApart(command: Command): Settled {
    const { connection } = this.#session;
    connection.exec('SAVEPOINT command');
    try {
      const value = command.run(this.#session);
      connection.exec('RELEASE command');
      return { ...command, value };
    } catch (failure) {
      this.#throwMedium(failure);
      connection.exec('ROLLBACK TO command; RELEASE command');
      this.#session.forget();
      return { ...command, failure };
    }
  }

  /** The medium's errors end the whole transaction; a refusal or a defect ends the command. */
  #throwMedium(failure: unknown): void {
    if (storageError(failure) !== failure || !this.#session.connection.inTransaction) throw failure;
  }
}
