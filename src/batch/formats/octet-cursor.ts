/** Takes octets off a stream in portions of the reader's choice. Holds what the last piece left, and one portion. */
export class OctetCursor {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #left: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  /** True where octets are at hand without waiting for the stream. */
  get hasMore(): boolean {
    return this.#left.length > 0;
  }

  /** Exactly so many octets; fewer only where the stream ends before. */
  async take(count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let due = count; due > 0 && (await this.#fill()); ) {
      const part = this.#cut(due);
      parts.push(part);
      due -= part.length;
    }
    const [first] = parts;
    return first !== undefined && parts.length === 1 ? first : Buffer.concat(parts);
  }

  /** Passes over so many octets. False where the stream ends before. */
  async skip(count: number): Promise<boolean> {
    let due = count;
    while (due > 0 && (await this.#fill())) due -= this.#cut(due).length;
    return due === 0;
  }

  /** What comes next, in pieces as they come; empty at the end. */
  async takePiece(): Promise<Uint8Array> {
    return (await this.#fill()) ? this.#cut(this.#left.length) : this.#left;
  }

  /** Lets the stream go. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  #cut(most: number): Uint8Array {
    const part = this.#left.subarray(0, most);
    this.#left = this.#left.subarray(part.length);
    return part;
  }

  /** True where octets are at hand; false at the end. */
  async #fill(): Promise<boolean> {
    while (this.#left.length === 0) {
      const next = await this.#pieces.next();
      if (next.done) return false;
      this.#left = next.value;
    }
    return true;
  }
}
