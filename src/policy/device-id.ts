import { PkiError } from '../errors.ts';

/** ub-common-name (RFC 5280, appendix A.1). */
const MAX_CHARACTERS = 64;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** How a target demands device IDs to look. */
export type DeviceIdForm = 'any' | 'lower-case-uuid';

const RULES: readonly { readonly broken: (id: string) => boolean; readonly says: string }[] = [
  { broken: (id) => id === '', says: 'is empty' },
  { broken: (id) => !id.isWellFormed(), says: 'is not valid Unicode' },
  { broken: (id) => [...id].length > MAX_CHARACTERS, says: `has more than ${MAX_CHARACTERS} characters` },
  { broken: (id) => /\p{Cc}/u.test(id), says: 'holds a control character' },
  // Format characters (zero width, bidi) and separators other than the space print as nothing or reorder.
  {
    broken: (id) => /[\p{Cf}\p{Zl}\p{Zp}]/u.test(id),
    says: 'holds an invisible or direction-changing character',
  },
  { broken: (id) => /\p{Co}/u.test(id), says: 'holds a private-use character' },
  { broken: (id) => id !== id.normalize('NFC'), says: 'is not in Unicode normal form C' },
  { broken: (id) => /[/\\]/.test(id), says: 'holds a slash or backslash' },
  { broken: (id) => /^[\s.]|[\s.]$/u.test(id), says: 'begins or ends with a space or a dot' },
];

/**
 * What nearly every device ID looks like: a VIN, a serial number, a UUID. It breaks none of the rules
 * above, and folding it is lower case alone; both are asked once for every row.
 */
const PLAIN = /^[0-9A-Za-z](?:[0-9A-Za-z._-]{0,62}[0-9A-Za-z])?$/;

/**
 * Checks a device ID: 1 to 64 characters in NFC, nothing that does not print, no slashes, no space or
 * dot at either end; on some targets a lower-case UUID. Refuses `bad-device-id` with the rule that it
 * breaks.
 */
export function verifyDeviceId(id: string, form: DeviceIdForm): void {
  const rule = PLAIN.test(id) ? undefined : RULES.find(({ broken }) => broken(id));
  if (rule !== undefined) throw new PkiError('bad-device-id', `The device ID ${rule.says}.`);
  if (form === 'lower-case-uuid' && !UUID.test(id)) {
    throw new PkiError(
      'bad-device-id',
      'The device ID must be a lower-case UUID: this OTA server takes no other.',
    );
  }
}

/**
 * Folds a device ID so that IDs which people or file systems confuse become equal: compatibility
 * normal form and case folding. Upper case first, because ß and ſ meet their twins only there.
 */
export const foldDeviceId = (id: string): string =>
  PLAIN.test(id) ? id.toLowerCase() : id.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
