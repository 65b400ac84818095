import { Presets, SingleBar } from 'cli-progress';

/** Data for whoever called: stdout. */
export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Words for the person who waits: stderr. */
export const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** How far a piece of work has come. */
export interface Progress {
  advance(): void;
  /** Ends the display; a second call does nothing. */
  stop(): void;
}

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

function lines(title: string): Progress {
  const since = performance.now();
  let open = true;
  say(`${title} …`);
  return {
    advance: () => undefined,
    stop: () => {
      if (open) say(`  done in ${seconds(since)}`);
      open = false;
    },
  };
}

function bar(title: string, total: number): Progress {
  const display = new SingleBar(
    { format: `${title.padEnd(44)} {bar} {value}/{total}`, stream: process.stderr, hideCursor: true },
    Presets.legacy,
  );
  display.start(total, 0);
  return { advance: () => display.increment(), stop: () => display.stop() };
}

/** Shows progress on stderr: a bar on a terminal, two plain lines in a log. */
const startProgress = (title: string, total: number): Progress =>
  process.stderr.isTTY ? bar(title, total) : lines(title);

/** Does a piece of work of `total` steps under a progress display. */
export async function withProgress<T>(
  title: string,
  total: number,
  work: (advance: () => void) => Promise<T>,
): Promise<T> {
  const progress = startProgress(title, total);
  try {
    return await work(progress.advance);
  } finally {
    progress.stop();
  }
}
