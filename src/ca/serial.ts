import type { Random } from '../random.ts';

declare const minted: unique symbol;
/** A serial number: 16 octets, positive, the first not zero. Only `mintSerial` makes one. */
export type Serial = Uint8Array & { readonly [minted]: true };

/**
 * A fresh serial: 127 random bits less the 1 in 128 whose first octet is zero, so that every serial
 * has 16 octets in DER and 32 digits in text (RFC 5280, 4.1.2.2).
 */
export function mintSerial(random: Random): Serial {
  const octets = Uint8Array.from(random.bytes(16));
  const first = (octets[0] ?? 0) & 0x7f;
  if (first === 0) return mintSerial(random);
  octets[0] = first;
  return octets as Serial;
}

/** Serials one after the other: 16 octets each, from as few calls to the random source as possible. */
export function mintSerials(random: Random, count: number): Uint8Array {
  const octets = Uint8Array.from(random.bytes(16 * count));
  for (let at = 0; at < octets.length; at += 16) {
    const first = (octets[at] ?? 0) & 0x7f;
    if (first === 0) octets.set(mintSerial(random), at);
    else octets[at] = first;
  }
  return octets;
}
