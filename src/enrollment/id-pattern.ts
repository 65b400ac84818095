import { PkiError } from '../errors.ts';

/** A device ID has at most 64 characters. */
const MAX_CHARACTERS = 128;

const RULES: readonly { readonly broken: (pattern: string) => boolean; readonly says: string }[] = [
  { broken: (p) => p === '' || !p.isWellFormed(), says: 'is empty, or not valid Unicode' },
  { broken: (p) => [...p].length > MAX_CHARACTERS, says: `has more than ${MAX_CHARACTERS} characters` },
  // An ID has neither; such a pattern would fit nothing.
  { broken: (p) => /\p{Cc}/u.test(p), says: 'holds a control character' },
  { broken: (p) => p !== p.normalize('NFC'), says: 'is not in Unicode normal form C' },
];

/**
 * Checks a pattern of device IDs: `*` is any characters, or none; `?` is one character; `#` is one digit,
 * 0 to 9; everything else is itself, and nothing can be escaped. Refuses `bad-request`.
 */
export function verifyIdPattern(pattern: string): void {
  const rule = RULES.find(({ broken }) => broken(pattern));
  if (rule !== undefined) throw new PkiError('bad-request', `The pattern of device IDs ${rule.says}.`);
}

const fitsOne = (wanted: string, character: string): boolean =>
  wanted === '?' || (wanted === '#' ? character >= '0' && character <= '9' : wanted === character);

/** Where to go on when what followed the last star did not fit: the star takes one character more. */
interface Retreat {
  readonly pattern: number;
  readonly id: number;
}

/**
 * True where the whole ID fits the pattern. Only the last star is ever taken back, so that no pattern
 * costs more than the product of both lengths.
 */
export function fitsIdPattern(pattern: string, id: string): boolean {
  const wanted = [...pattern];
  const given = [...id];
  let retreat: Retreat | undefined;
  let p = 0;
  let i = 0;
  while (i < given.length) {
    if (wanted[p] === '*') {
      retreat = { pattern: p + 1, id: i };
      p++;
    } else if (p < wanted.length && fitsOne(wanted[p] ?? '', given[i] ?? '')) {
      p++;
      i++;
    } else if (retreat) {
      retreat = { pattern: retreat.pattern, id: retreat.id + 1 };
      p = retreat.pattern;
      i = retreat.id;
    } else return false;
  }
  return wanted.slice(p).every((rest) => rest === '*');
}
