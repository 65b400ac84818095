import { randomBytes } from 'node:crypto';

/** Chance, as a port: rooms are given it, so that the same input gives the same bytes in a test. */
export interface Random {
  /** `size` octets from a cryptographically secure source. */
  bytes(size: number): Uint8Array;
}

export const systemRandom: Random = { bytes: (size) => randomBytes(size) };
