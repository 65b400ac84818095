import cliProgress from 'cli-progress';

/** What is counted while a lot runs. */
interface RowCounts {
  readonly done: number;
  readonly refused: number;
}

export interface ProgressBar {
  show(counts: RowCounts): void;
  stop(): void;
}

/** For when nobody watches. */
export const SILENT_BAR: ProgressBar = { show: () => undefined, stop: () => undefined };
const COUNTS = '{value} rows, {refused} refused';

/** A bar on stderr; without a known number of rows it only counts. */
export function startProgressBar(rows: number | null): ProgressBar {
  const format =
    rows === null
      ? COUNTS
      : `{bar} {percentage} % | {value} of {total} rows, {refused} refused | {eta_formatted} left`;
  const bar = new cliProgress.SingleBar(
    { format, stream: process.stderr, hideCursor: true, clearOnComplete: false, gracefulExit: true },
    cliProgress.Presets.shades_classic,
  );
  bar.start(rows ?? 0, 0, { refused: 0 });
  return {
    show: ({ done, refused }) => bar.update(done, { refused }),
    stop: () => bar.stop(),
  };
}
