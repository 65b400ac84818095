/** One thing that does not hold; `seq` is the audit entry where it shows. */
export interface LedgerProblem {
  readonly seq: number | null;
  readonly what: string;
}

const MAX_PROBLEMS = 100;

/** What a verification has found so far: at most the first hundred. */
export class Findings {
  readonly #problems: LedgerProblem[] = [];

  expect(holds: boolean, seq: number | null, what: string): void {
    if (!holds && this.#problems.length < MAX_PROBLEMS) this.#problems.push({ seq, what });
  }

  /** Reads what somebody may have written to; what cannot be read is a finding, and undefined. */
  read<T>(seq: number | null, what: string, reading: () => T): T | undefined {
    try {
      return reading();
    } catch {
      this.expect(false, seq, `${what} cannot be read`);
      return undefined;
    }
  }

  /** In the order of the log, so that the first names the first bad entry; those without one last. */
  problems(): readonly LedgerProblem[] {
    const place = ({ seq }: LedgerProblem): number => seq ?? Number.MAX_SAFE_INTEGER;
    return this.#problems.toSorted((a, b) => place(a) - place(b));
  }
}

const PAGE = 500;

/** Pages through rows in order of a number that grows. */
export function* pages<T>(
  read: (after: number, limit: number) => readonly T[],
  placeOf: (row: T) => number,
): Generator<T> {
  for (let after = 0; ; ) {
    const page = read(after, PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = placeOf(last);
  }
}
