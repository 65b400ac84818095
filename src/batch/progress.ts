/** Tells those who tail a batch that there is more to read, without holding any of it. */
export class Progress {
  #ended: 'complete' | 'interrupted' | undefined;
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

  advance(): void {
    const wake = this.#wake;
    this.#changed = this.#next();
    wake();
  }

  finish(how: 'complete' | 'interrupted'): void {
    this.#ended = how;
    this.advance();
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
