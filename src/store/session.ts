import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Connection, Statement } from './driver.ts';
import { nulInText } from './refusals.ts';
import type { Schema } from './schema.ts';

/** Builds and type-checks statements; it has no connection of its own. */
export const build = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

interface Compilable<O> {
  compile(): CompiledQuery<O>;
}

function bindable(value: unknown): unknown {
  if (typeof value === 'string' && value.includes('\0')) {
    throw nulInText();
  }
  return value;
}

/** One connection with its prepared statements. Everything runs to its end before anything else does. */
export class Session {
  readonly connection: Connection;
  readonly #prepared = new Map<string, Statement>();
  readonly #known = new Map<string, unknown>();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** A statement by its text, prepared once. */
  prepare(sql: string): Statement {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const statement = this.connection.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }

  /** What was read under a name before, or is read now: a small fact that every chunk asks for. */
  remember<T>(name: string, read: () => T): T {
    if (!this.#known.has(name)) this.#known.set(name, read());
    return this.#known.get(name) as T;
  }

  /**
   * Drops what is remembered. Due whenever something of it changes, and at every rollback: what was read
   * inside may never have been.
   */
  forget(): void {
    this.#known.clear();
  }

  all<O>(query: Compilable<O>): O[] {
    const { sql, parameters } = query.compile();
    return this.prepare(sql).all(...parameters.map(bindable)) as O[];
  }

  first<O>(query: Compilable<O>): O | undefined {
    const { sql, parameters } = query.compile();
    return this.prepare(sql).get(...parameters.map(bindable)) as O | undefined;
  }

  /** Runs a statement that changes something; gives the number of rows changed, and the last row's id. */
  run(query: Compilable<unknown>): { changes: number; id: number } {
    const { sql, parameters } = query.compile();
    const { changes, lastInsertRowid } = this.prepare(sql).run(...parameters.map(bindable));
    return { changes, id: Number(lastInsertRowid) };
  }
}
