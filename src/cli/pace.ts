/** What is counted while a lot runs. */
export interface RowCounts {
  /** Rows whose outcome is known, those of earlier runs included. */
  readonly done: number;
  readonly refused: number;
}

export interface Pace {
  readonly rowsPerSecond: number;
  /** null where the number of rows is not known, or nothing moves. */
  readonly secondsLeft: number | null;
}

/** How fast it goes since `began`, at which `counts.done` was `before`. */
export function paceOf(done: number, before: number, seconds: number, total: number | null): Pace {
  const rowsPerSecond = seconds > 0 ? (done - before) / seconds : 0;
  if (total === null || rowsPerSecond <= 0) return { rowsPerSecond, secondsLeft: null };
  return { rowsPerSecond, secondsLeft: Math.max(0, total - done) / rowsPerSecond };
}

/** Seconds as people say them: `48 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** One line of progress. */
export function progressLine({ done, refused }: RowCounts, total: number | null, pace: Pace): string {
  const rows = total === null ? `${done} rows` : `${done} of ${total} rows`;
  const rate = `${Math.round(pace.rowsPerSecond)} rows/s`;
  const left = pace.secondsLeft === null ? [] : [`${formatSeconds(pace.secondsLeft)} left`];
  return [rows, rate, `${refused} refused`, ...left].join(', ');
}
