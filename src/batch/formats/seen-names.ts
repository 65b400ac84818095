import { createHash } from 'node:crypto';

/** Slots of a new table; a power of two, as every later size. */
const FIRST_SLOTS = 1024;

/**
 * Remembers names by 64 bits of their SHA-256, in at most 32 octets each: a million of them in 17 MB.
 * That two names of a million share those bits happens once in thirty million lots; then a row is
 * refused that need not have been.
 */
export class SeenNames {
  #slots = new BigUint64Array(FIRST_SLOTS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Notes the name. False where it was noted before. */
  add(name: string): boolean {
    // 0 marks a free slot.
    const key = createHash('sha256').update(name, 'utf8').digest().readBigUInt64LE() || 1n;
    const at = this.#find(this.#slots, key);
    if (this.#slots[at] === key) return false;
    this.#slots[at] = key;
    this.#count++;
    if (this.#count * 2 > this.#slots.length) this.#grow();
    return true;
  }

  /** The slot that holds the key, or the free one where it belongs. */
  #find(slots: BigUint64Array, key: bigint): number {
    const mask = slots.length - 1;
    let at = Number(key & 0xffff_ffffn) & mask;
    while (slots[at] !== 0n && slots[at] !== key) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const slots = new BigUint64Array(this.#slots.length * 2);
    for (const key of this.#slots) if (key !== 0n) slots[this.#find(slots, key)] = key;
    this.#slots = slots;
  }
}
