import type { StoredOutcome } from './ports.ts';

/** Outcomes that are kept for a reader who keeps up: some megabytes; one who falls behind reads the store. */
const RECENT_PAGES = 8;

interface RecentPage {
  /** The `seq` that a reader of this attempt has read when this page is next. */
  readonly after: number;
  readonly outcomes: readonly StoredOutcome[];
}

/** Tells those who tail an attempt that there is more to read, and keeps the last of it at hand. */
export class Progress {
  #ended: 'complete' | 'interrupted' | undefined;
  #recent: RecentPage[] = [];
  #lastSeq = 0;
  #wake: () => void = () => undefined;
  #changed: Promise<void> = this.#next();

  /** How the upload ended; undefined while it runs. */
  get ended(): 'complete' | 'interrupted' | undefined {
    return this.#ended;
  }

  /** Resolves when more outcomes are on record, or the upload ended. Take it before reading. */
  get changed(): Promise<void> {
    return this.#changed;
  }

  /** The last `seq` of the attempt that is on record; 0 before the first. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Outcomes that have just been recorded, in order. */
  advance(outcomes: readonly StoredOutcome[]): void {
    const last = outcomes.at(-1);
    if (!last) return;
    this.#recent.push({ after: this.#lastSeq, outcomes });
    if (this.#recent.length > RECENT_PAGES) this.#recent.shift();
    this.#lastSeq = last.seq;
    this.#wakeAll();
  }

  /** The page that follows `after`, if it is still at hand. */
  recentAfter(after: number): readonly StoredOutcome[] | undefined {
    return this.#recent.find((page) => page.after === after)?.outcomes;
  }

  finish(how: 'complete' | 'interrupted'): void {
    this.#ended = how;
    this.#wakeAll();
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#changed = this.#next();
    wake();
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
