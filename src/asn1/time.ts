import { PkiError } from '../errors.ts';
import { contentBytes, type Element, TAG } from './reader.ts';
import { encodeElement } from './writer.ts';

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/**
 * A validity date in the form that its year demands: UTCTime through 2049, GeneralizedTime from 2050
 * (RFC 5280, 4.1.2.5). Whole seconds; fractions are cut off.
 */
export function encodeTime(instant: Date): Uint8Array {
  const digits = instant.toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const year = instant.getUTCFullYear();
  const utc = year >= 1950 && year < 2050;
  return encodeElement(
    utc ? TAG.utcTime : TAG.generalizedTime,
    Buffer.from(`${utc ? digits.slice(2) : digits}Z`, 'latin1'),
  );
}

/** Reads a UTCTime or GeneralizedTime in the only forms that RFC 5280, 4.1.2.5, knows. */
export function readTime(element: Element): Date {
  const text = Buffer.from(contentBytes(element)).toString('latin1');
  const match = (element.tag === TAG.utcTime ? UTC_TIME : GENERALIZED_TIME).exec(text);
  const known = element.tag === TAG.utcTime || element.tag === TAG.generalizedTime;
  if (!known || match === null) {
    throw new PkiError('bad-der', `The DER is malformed: a time is due at octet ${element.start}.`);
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const century = year >= 50 ? 1900 : 2000;
  const full = element.tag === TAG.utcTime ? century + year : year;
  const instant = new Date(Date.UTC(full, month - 1, day, hour, minute, second));
  // Date.UTC carries 31 February over into March, and takes the years 0 to 99 for 1900 to 1999; such a
  // date does not come back as it went in.
  if (
    instant.getUTCFullYear() !== full ||
    instant.getUTCMonth() !== month - 1 ||
    instant.getUTCDate() !== day ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  ) {
    throw new PkiError('bad-der', `The DER is malformed: an impossible date at octet ${element.start}.`);
  }
  return instant;
}
