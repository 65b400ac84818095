import cliProgress from 'cli-progress';
import type { Output } from './output.ts';
import { paceOf, progressLine, type RowCounts } from './pace.ts';

export interface ProgressBar {
  show(counts: RowCounts): void;
  stop(): void;
}

/** For when nobody watches. */
const SILENT_BAR: ProgressBar = { show: () => undefined, stop: () => undefined };
/** Lines in a log. */
const LINE_EVERY_MS = 10_000;

/** Progress as one line: rows are counted from the first outcome on, which may be that of an earlier run. */
function counting(total: number | null): { readonly take: (counts: RowCounts) => void; line(): string } {
  const began = performance.now();
  let counts: RowCounts = { done: 0, refused: 0 };
  let before: number | undefined;
  return {
    take: (next) => {
      before ??= Math.max(0, next.done - 1);
      counts = next;
    },
    line: () =>
      progressLine(
        counts,
        total,
        paceOf(counts.done, before ?? 0, (performance.now() - began) / 1000, total),
      ),
  };
}

/** A bar on stderr; without a known number of rows it only counts. */
function startBar(total: number | null): ProgressBar {
  const { take, line } = counting(total);
  const format = total === null ? '{line}' : '{bar} {percentage} % | {line}';
  const bar = new cliProgress.SingleBar(
    { format, stream: process.stderr, hideCursor: true, clearOnComplete: false, gracefulExit: false },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total ?? 0, 0, { line: line() });
  return {
    show: (counts) => {
      take(counts);
      bar.update(counts.done, { line: line() });
    },
    stop: () => bar.stop(),
  };
}

/** A plain line now and then, for logs. */
function startLines(total: number | null, say: (line: string) => void): ProgressBar {
  const { take, line } = counting(total);
  const timer = setInterval(() => say(line()), LINE_EVERY_MS);
  timer.unref();
  return { show: take, stop: () => clearInterval(timer) };
}

/** A bar has its place where a person looks and no outcomes run over the same terminal. */
export const isWatched = (output: Output, hasRowsOnStdout: boolean): boolean =>
  output.interactive && !output.json && !(hasRowsOnStdout && output.stdoutIsTerminal);

/**
 * Shows how a lot of `total` rows (null: not known) goes on: a bar on a terminal, a line every ten seconds
 * elsewhere. With `--json` stderr holds nothing but failures.
 */
export function startProgress(output: Output, total: number | null, hasRowsOnStdout: boolean): ProgressBar {
  if (isWatched(output, hasRowsOnStdout)) return startBar(total);
  return output.interactive || output.json ? SILENT_BAR : startLines(total, output.say);
}
