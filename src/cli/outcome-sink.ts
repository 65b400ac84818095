import { continueFile } from './continue-file.ts';
import { openSink } from './files.ts';
import { LocalFailure } from './local-failure.ts';
import { type Outcome, outcomeLine } from './outcome.ts';
import type { Output } from './output.ts';
import type { WrittenRows } from './written-rows.ts';

/** Where outcomes go: a file or stdout as JSON lines, or stdout as lines for a person. */
export interface OutcomeSink {
  /** Writes an outcome, unless its row was written before. */
  take(line: string, outcome: Outcome, from: string | null): Promise<void>;
  close(): Promise<void>;
}

export interface OutcomePlace {
  /** undefined: stdout. */
  readonly out: string | undefined;
  /** Go on after the rows that the file holds; else it is emptied. */
  readonly keep: boolean;
}

/** A row that was a file has its name beside what the service says. */
const withFile = (line: string, outcome: Outcome, from: string | null): string =>
  from === null ? `${line}\n` : `${JSON.stringify({ ...outcome, file: from })}\n`;

/** Goes on in a file of `batch submit --out`: from row 1 on without a gap. */
const continueRows = (out: string, written: WrittenRows) =>
  continueFile(out, (outcome) => {
    if (outcome.row > written.counts.done + 1) {
      throw new LocalFailure('usage', `${out} does not hold the rows of a lot from the first on.`, {
        hint: 'name the file that `batch submit --out` wrote, or a new one',
      });
    }
    written.take(outcome);
  });

/** Opens the place of the outcomes of a lot, of which `written` is told. Rejects with `usage`. */
export async function openOutcomes(
  output: Output,
  { out, keep }: OutcomePlace,
  written: WrittenRows,
): Promise<OutcomeSink> {
  if (out !== undefined) {
    const sink = keep ? await continueRows(out, written) : await openSink(out);
    return {
      take: async (...row) => {
        if (written.take(row[1])) await sink.write(withFile(...row));
      },
      close: () => sink.close(),
    };
  }
  return {
    take: async (line, outcome, from) => {
      if (!written.take(outcome)) return;
      await output.data(output.json ? withFile(line, outcome, from) : outcomeLine(outcome, from));
    },
    close: () => Promise.resolve(),
  };
}
