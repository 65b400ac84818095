import type { Asking } from './asking.ts';

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

  /** The same of a reading that needs more rows. */
  *readAsking<T>(seq: number | null, what: string, reading: () => Asking<T>): Asking<T | undefined> {
    try {
      return yield* reading();
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
