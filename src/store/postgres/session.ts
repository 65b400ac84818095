import { createQueryId, PostgresQueryCompiler } from 'kysely';
import type pg from 'pg';
import { type Asking, answerLater, type Query } from '../asking.ts';
import { nulInText } from '../refusals.ts';

const compiler = new PostgresQueryCompiler();

const holdsNul = (value: unknown): boolean =>
  typeof value === 'string' ? value.includes('\0') : Array.isArray(value) && value.some(holdsNul);

/** Names of prepared statements, by their text: parsed and planned once a connection. */
const names = new Map<string, string>();

function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = `fleetca_${names.size + 1}`;
  names.set(text, name);
  return name;
}

/** `prepared`: statements are planned once a connection; `fresh`: each time, for the tables as they are now. */
type Plans = 'prepared' | 'fresh';

type Queryable = Pick<pg.ClientBase, 'query'>;

/** Statements over one connection, or over any of a pool. One after the other: each is awaited. */
export class PostgresSession {
  readonly #client: Queryable;
  readonly #plans: Plans;

  constructor(client: Queryable, plans: Plans) {
    this.#client = client;
    this.#plans = plans;
  }

  /** Rows of a statement by hand. Its text is fixed: it may stay prepared. */
  async rows<O>(text: string, ...values: readonly unknown[]): Promise<O[]> {
    return (await this.#query(text, values)).rows as O[];
  }

  /** Runs a statement by hand that changes something; gives the number of rows changed. */
  async change(text: string, ...values: readonly unknown[]): Promise<number> {
    return (await this.#query(text, values)).rowCount ?? 0;
  }

  async all<O>(query: Query<O>): Promise<O[]> {
    const { sql, parameters } = compiler.compileQuery(query.toOperationNode() as never, createQueryId());
    return (await this.#query(sql, parameters)).rows as O[];
  }

  /** Answers something that is written once for both engines. */
  answer<T>(asking: Asking<T>): Promise<T> {
    return answerLater((query) => this.all(query), asking);
  }

  async first<O>(query: Query<O>): Promise<O | undefined> {
    return (await this.all(query))[0];
  }

  /** Runs a statement that changes something; gives the number of rows changed. */
  async run(query: Query<unknown>): Promise<number> {
    const { sql, parameters } = compiler.compileQuery(query.toOperationNode() as never, createQueryId());
    return (await this.#query(sql, parameters)).rowCount ?? 0;
  }

  /** Statements without values, together; gives the result of each. */
  async script(text: string): Promise<readonly pg.QueryResult[]> {
    const results = await this.#client.query(text);
    return Array.isArray(results) ? results : [results];
  }

  #query(text: string, values: readonly unknown[]): Promise<pg.QueryResult> {
    if (values.some(holdsNul)) throw nulInText();
    const name = this.#plans === 'prepared' ? { name: nameOf(text) } : {};
    return this.#client.query({ ...name, text, values: [...values] });
  }
}
