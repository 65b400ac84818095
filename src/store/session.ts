import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { PkiError } from '../errors.ts';
import type { Connection, Statement } from './driver.ts';
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

/** SQLite cuts a bound text at U+0000 in some functions and PostgreSQL refuses it: nobody stores it. */
function bindable(value: unknown): unknown {
  if (typeof value === 'string' && value.includes('\0')) {
    throw new PkiError('bad-request', 'A text holds U+0000, which cannot be stored.');
  }
  return value;
}

/** One connection with its prepared statements. Everything runs to its end before anything else does. */
export class Session {
  readonly connection: Connection;
  readonly #prepared = new Map<string, Statement>();

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
