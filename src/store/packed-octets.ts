/** Many octet strings as two buffers of their own, which may be transferred. */
export interface PackedOctets {
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly octets: Uint8Array<ArrayBuffer>;
}

/** Copies: what is packed is often a view of a buffer that others use. */
export function packOctets(list: readonly Uint8Array[]): PackedOctets {
  const lengths = Uint32Array.from(list, ({ length }) => length);
  const octets = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let end = 0;
  for (const one of list) {
    octets.set(one, end);
    end += one.length;
  }
  return { lengths, octets };
}

/** Views of the one buffer. */
export function unpackOctets({ lengths, octets }: PackedOctets): readonly Uint8Array[] {
  let end = 0;
  return Array.from(lengths, (length) => {
    end += length;
    return octets.subarray(end - length, end);
  });
}

/** The buffers to name when it is sent. */
export const buffersOf = (packed: PackedOctets): readonly ArrayBuffer[] => [
  packed.lengths.buffer,
  packed.octets.buffer,
];
