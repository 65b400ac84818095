import type { CompiledQuery, OperationNodeSource } from 'kysely';
import type { Session } from './session.ts';

/** A statement that either engine can be asked. */
export interface Query<O> extends OperationNodeSource {
  compile(): CompiledQuery<O>;
}

/**
 * Something that needs rows to go on. It hands out a statement and goes on with its rows, so that it is
 * written once for an engine that answers at once and for one that answers later.
 */
export type Asking<T> = Generator<Query<unknown>, T, readonly unknown[]>;

export function* all<O>(query: Query<O>): Asking<readonly O[]> {
  return (yield query) as readonly O[];
}

export function* first<O>(query: Query<O>): Asking<O | undefined> {
  const [row] = yield* all(query);
  return row;
}

const PAGE = 500;

/** Visits pages of rows, none of them empty, in order of a number that grows. */
export function* eachPage<O>(
  after: (place: number, limit: number) => Query<O>,
  placeOf: (row: O) => number,
  visit: (page: readonly O[]) => Asking<void>,
): Asking<void> {
  for (let place = 0; ; ) {
    const page = yield* all(after(place, PAGE));
    const last = page.at(-1);
    if (last === undefined) return;
    yield* visit(page);
    place = placeOf(last);
  }
}

/** Visits rows, page by page, in order of a number that grows. */
export function eachRow<O>(
  after: (place: number, limit: number) => Query<O>,
  placeOf: (row: O) => number,
  visit: (row: O) => Asking<void>,
): Asking<void> {
  return eachPage(after, placeOf, function* (page) {
    for (const row of page) yield* visit(row);
  });
}

/** Answers from a session that answers at once. What fails there is thrown where it was asked. */
export function answer<T>(session: Session, asking: Asking<T>): T {
  let step = asking.next([]);
  while (!step.done) {
    let rows: readonly unknown[];
    try {
      rows = session.all(step.value);
    } catch (failure) {
      step = asking.throw(failure);
      continue;
    }
    step = asking.next(rows);
  }
  return step.value;
}

/** Answers from an engine that answers later. What fails there ends it: it says nothing about the rows. */
export async function answerLater<T>(
  read: (query: Query<unknown>) => Promise<readonly unknown[]>,
  asking: Asking<T>,
): Promise<T> {
  let step = asking.next([]);
  while (!step.done) step = asking.next(await read(step.value));
  return step.value;
}
