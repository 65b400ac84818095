import { createHash } from 'node:crypto';
import { KeystoreSetupError } from './setup-error.ts';

/** Octets in a line of a share, and characters that they take: four groups of four. */
const LINE_OCTETS = 10;
const LINE_CHARACTERS = 16;
/** 15 bits: one mistake in 32,768 is not seen. */
const CHECK_CHARACTERS = 3;
export const SHARE_LINES = 5;

/** Base 32 without I, L, O and U, which are misread (Crockford's). */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

function encode(octets: Uint8Array): string {
  let bits = BigInt(`0x${Buffer.from(octets).toString('hex')}`);
  let text = '';
  for (let i = 0; i < (octets.length * 8) / 5; i++) {
    text = (ALPHABET[Number(bits & 31n)] ?? '') + text;
    bits >>= 5n;
  }
  return text;
}

function decode(characters: string): Buffer {
  let bits = 0n;
  for (const character of characters) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(character));
  return Buffer.from(bits.toString(16).padStart(LINE_OCTETS * 2, '0'), 'hex');
}

/** Over all octets up to the end of the line: lines of another share, or in another order, show as a mistake does. */
function checkOf(octets: Uint8Array): string {
  const digest = createHash('sha256').update('fleetca share line').update(octets).digest();
  const bits = digest.readUInt16BE(0) >> 1;
  return [10, 5, 0].map((shift) => ALPHABET[(bits >> shift) & 31]).join('');
}

/** A line of a share, with its number: `2  K7QF 2M9X 4T8B 1C0D  QX3`. */
export function encodeLine(octets: Uint8Array, index: number): string {
  const end = (index + 1) * LINE_OCTETS;
  const characters = encode(octets.subarray(end - LINE_OCTETS, end));
  const groups = characters.match(/.{4}/g) ?? [];
  return `${index + 1}  ${groups.join(' ')}  ${checkOf(octets.subarray(0, end))}`;
}

const refuse = (message: string): never => {
  throw new KeystoreSetupError([message]);
};

/** Reads a line after those before it, and gives all octets. Rejects with `KeystoreSetupError`, which names the line. */
export function decodeLine(title: string, before: Buffer, line: string, index: number): Buffer {
  const text = line.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  const stranger = [...text].find((character) => !ALPHABET.includes(character));
  const says = `Line ${index + 1} of ${title}`;
  if (stranger !== undefined) return refuse(`${says} has the character ${stranger}, which is in no share.`);
  const due = LINE_CHARACTERS + CHECK_CHARACTERS;
  if (text.length !== due) return refuse(`${says} has ${text.length} characters; ${due} are due.`);
  const octets = Buffer.concat([before, decode(text.slice(0, LINE_CHARACTERS))]);
  if (checkOf(octets) === text.slice(LINE_CHARACTERS)) return octets;
  return refuse(`${says} does not fit its checksum: it was written down or typed wrong.`);
}
