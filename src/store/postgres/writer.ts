import type pg from 'pg';
import { PkiError } from '../../errors.ts';
import { inDoubt, isOvertaken, isServersWord, postgresError } from './failure.ts';
import { Transaction, type Undertaking } from './transaction.ts';

type Run<T> = (transaction: Transaction) => Promise<T>;

interface Command {
  readonly run: Run<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

type Settled = (Command & { readonly value: unknown }) | (Command & { readonly failure: unknown });

/** Commands that share one transaction, at most. */
const DRAIN = 64;
/** Times that a transaction is run which another one overtook. */
const TRIES = 4;

const isItsOwn = (failure: unknown): boolean => postgresError(failure) === failure;

export interface WriterSettings {
  /** Opens a connection with the service's lock; `lost` is told when it breaks. */
  connect(lost: (client: pg.Client) => void): Promise<pg.Client>;
  /** Undoes what a transaction undertook whose commit nobody saw the answer to. */
  settle(transaction: Transaction, undertakings: readonly Undertaking[]): Promise<void>;
}

/**
 * The one that writes. Commands wait in a queue; all that wait go into one transaction, each under a
 * savepoint, and resolve after it is on disk: one sync for all of them. A command that throws undoes
 * itself alone; a commit that fails undoes, and rejects, all. A connection that broke is made again for
 * the next transaction. Where it broke while the server was to commit, the commands are rejected, and
 * the first thing that the next connection does is to undo what they may have opened.
 */
export class PostgresWriter {
  readonly #settings: WriterSettings;
  #client: pg.Client | undefined;
  #waiting: Command[] = [];
  #inDoubt: readonly Undertaking[] = [];
  #work: Promise<void> | undefined;
  #ended = false;

  constructor(settings: WriterSettings) {
    this.#settings = settings;
  }

  /** Runs a command in the next transaction. Resolves when it is on disk. May run it more than once. */
  write<T>(run: Run<T>): Promise<T> {
    if (this.#ended) return Promise.reject(new PkiError('storage-unavailable', 'The store is closed.'));
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ run, resolve, reject });
      this.#work ??= this.#drainAll();
    }) as Promise<T>;
  }

  /** Runs something on the connection outside of any transaction; before the first command. */
  async prepare(run: (client: pg.Client) => Promise<void>): Promise<void> {
    await run(await this.#connected());
  }

  /** Lets the connection go, and the lock with it. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#work;
    await this.#client?.end().catch(() => undefined);
    this.#client = undefined;
  }

  async #drainAll(): Promise<void> {
    // Later in this turn of the event loop, so that what arrives together is written together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#drain(this.#waiting.splice(0, DRAIN));
    this.#work = undefined;
  }

  async #drain(commands: readonly Command[]): Promise<void> {
    try {
      for (const settled of await this.#attempt(commands)) {
        if ('failure' in settled) settled.reject(settled.failure);
        else settled.resolve(settled.value);
      }
    } catch (failure) {
      for (const { reject } of commands) reject(postgresError(failure));
    }
  }

  async #attempt(commands: readonly Command[]): Promise<readonly Settled[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#transact((transaction) => this.#runAll(transaction, commands));
      } catch (failure) {
        if (!isOvertaken(failure) || tries === TRIES) throw failure;
      }
    }
  }

  async #transact<T>(run: Run<T>): Promise<T> {
    const client = await this.#connected();
    try {
      const transaction = await Transaction.begin(client);
      const value = await run(transaction);
      await this.#commit(client, transaction);
      return value;
    } catch (failure) {
      await this.#rollBack(client, failure);
      throw failure;
    }
  }

  async #runAll(transaction: Transaction, commands: readonly Command[]): Promise<readonly Settled[]> {
    const [first] = commands;
    // Alone, it is undone with the transaction.
    if (first && commands.length === 1) return [{ ...first, value: await first.run(transaction) }];
    const settled: Settled[] = [];
    for (const command of commands) {
      try {
        const value = await transaction.nest(() => command.run(transaction), isItsOwn);
        settled.push({ ...command, value });
      } catch (failure) {
        if (!isItsOwn(failure)) throw failure;
        settled.push({ ...command, failure });
      }
    }
    return settled;
  }

  async #commit(client: pg.Client, transaction: Transaction): Promise<void> {
    const [result] = await transaction.script('COMMIT').catch((failure: unknown) => {
      if (!this.#isLost(client) && isServersWord(failure)) throw failure;
      this.#inDoubt = [...this.#inDoubt, ...transaction.undertakings];
      this.#drop(client);
      throw inDoubt(failure);
    });
    // A transaction that failed unnoticed is rolled back, and the server calls that a success.
    if (result?.command !== 'COMMIT') throw new Error('the transaction was rolled back');
  }

  async #rollBack(client: pg.Client, failure: unknown): Promise<void> {
    const known = postgresError(failure);
    const unavailable = known instanceof PkiError && known.code === 'storage-unavailable';
    // What cannot be undone must not be written on.
    if (unavailable) return this.#drop(client);
    if (!this.#isLost(client)) await client.query('ROLLBACK').catch(() => this.#drop(client));
  }

  /** The connection, made where there is none, and what the one before left in doubt settled. */
  async #connected(): Promise<pg.Client> {
    if (this.#client) return this.#client;
    const client = await this.#settings.connect((lost) => this.#drop(lost));
    this.#client = client;
    await this.#settleDoubts().catch((failure: unknown) => {
      this.#drop(client);
      throw failure;
    });
    return client;
  }

  async #settleDoubts(): Promise<void> {
    const undertakings = this.#inDoubt;
    if (undertakings.length === 0) return;
    await this.#transact((transaction) => this.#settings.settle(transaction, undertakings));
    this.#inDoubt = [];
  }

  #isLost(client: pg.Client): boolean {
    return this.#client !== client;
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined;
    client.end().catch(() => undefined);
  }
}
