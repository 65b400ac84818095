import { OID } from '../asn1/index.ts';
import { attributesOf, type Name } from '../x509/index.ts';

/** What stands in the names of all that a rehearsal makes, as organizationalUnit. */
export const REHEARSAL = 'REHEARSAL';

/** True of a name that was made in a rehearsal: nothing under it, and nothing that it signed, is to be believed. */
export const isRehearsalName = (name: Name): boolean =>
  attributesOf(name, OID.organizationalUnitName).some(({ value }) => value === REHEARSAL);
