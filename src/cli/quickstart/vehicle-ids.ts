import type { Random } from '../../random.ts';

/** Letters and digits of a vehicle identification number: no I, O and Q (ISO 3779). */
const ALPHABET = '0123456789ABCDEFGHJKLMNPRSTUVWXYZ';
const MANUFACTURER = 'WFC';
const LINE = 'L1';

/**
 * IDs in the form of vehicle identification numbers: 17 characters, the last five a count. Six random
 * characters in the middle (10^9 of them) belong to this lot, so that a later run makes other devices.
 */
export function vehicleIds(random: Random, count: number): readonly string[] {
  const lot = [...random.bytes(6)].map((octet) => ALPHABET[octet % ALPHABET.length]).join('');
  return Array.from(
    { length: count },
    (_, i) => `${MANUFACTURER}${lot}7${LINE}${String(i + 1).padStart(5, '0')}`,
  );
}
