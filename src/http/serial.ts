/** A serial in hex, as DER has it (RFC 5280, 4.1.2.2: at most 20 octets) or as tools show it. */
export const SERIAL = /^(?:[0-9a-f]{2}){1,21}$/i;

/**
 * The octets under which a serial is on record: those of its INTEGER. Tools leave out the zero that keeps one positive
 * whose first bit is set, which others' CAs make and ours never does.
 */
export function serialOctets(hex: string): Uint8Array {
  const magnitude = hex.replace(/^(?:00)+(?=..)/, '');
  const isNegative = Number.parseInt(magnitude.slice(0, 2), 16) >= 0x80;
  return new Uint8Array(Buffer.from(isNegative ? `00${magnitude}` : magnitude, 'hex'));
}
