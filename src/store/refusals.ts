import { type Generation, type LinePlace, verifyFreeForNext } from '../ca/index.ts';
import { PkiError } from '../errors.ts';

/** Refusals of whole commands, worded once for both engines. */

export const fleetExists = (name: string): PkiError =>
  new PkiError('already-exists', `There is a fleet named ${name} already.`);

export const noFleet = (): PkiError => new PkiError('not-found', 'There is no such fleet.');

/** `generations`: all of the fleet that have a certificate. */
export function verifyPlaceIsFree(
  generations: readonly Generation[],
  {
    authority,
    kind,
    place,
  }: { readonly authority: string; readonly kind: string; readonly place: LinePlace },
): void {
  if (place === 'first') {
    verifyNameIsFree(generations, authority, kind);
    return;
  }
  const line = generations.filter((one) => one.authority === authority && one.kind === kind);
  if (line.length === 0) throw new PkiError('not-found', `The fleet has no authority named ${authority}.`);
  verifyFreeForNext(line);
}

/**
 * Rejects where a generation may not issue: it must be active, and one that was when the rows were prepared may be
 * draining. What was on its way when it was rolled back, or found compromised, is asked for again, and another
 * generation signs it.
 */
export function verifyIssues(state: string | undefined): void {
  if (state === 'active' || state === 'draining') return;
  if (state === 'compromised') throw foundCompromised();
  throw new PkiError(
    'busy',
    'The generation that was to sign was taken back or retired meanwhile: it issues no more. Ask again.',
  );
}

export const foundCompromised = (): PkiError =>
  new PkiError(
    'busy',
    'The generation that was to sign was found compromised meanwhile: nothing leaves that it signed. Ask again.',
  );

/** Refuses `busy` where the CA that signs a generation was found compromised. `generations`: as below. */
export function verifyParentStands(generations: readonly Generation[], issuerId: number | null): void {
  if (generations.some(({ id, state }) => id === issuerId && state === 'compromised'))
    throw foundCompromised();
}

/** `generations`: all of the fleet that have a certificate. */
export function verifyNameIsFree(generations: readonly Generation[], authority: string, kind: string): void {
  if (generations.some((generation) => generation.authority === authority)) {
    throw new PkiError('already-exists', `The fleet has an authority named ${authority} already.`);
  }
  if (kind !== 'issuing' && generations.some((generation) => generation.kind === kind)) {
    const only = kind === 'root' ? 'a root already; a fleet has one root line' : 'a registration CA already';
    throw new PkiError('already-exists', `The fleet has ${only}.`);
  }
}

export const linkExists = (): PkiError =>
  new PkiError('already-exists', 'There is a link certificate from the one root to the other already.');

export const keyOfAnAuthority = (): PkiError =>
  new PkiError('key-of-a-ca', 'This key is the key of an authority already.');

export const keyOfADevice = (): PkiError =>
  new PkiError('key-of-another-device', "This key is a device's; it cannot be an authority's.");

export const noCertificate = (): PkiError => new PkiError('not-found', 'There is no such certificate.');

export const noDevice = (): PkiError => new PkiError('not-found', 'There is no such device.');

export const deviceBusy = (): PkiError =>
  new PkiError('busy', 'A certificate of this device is being issued; ask again in a moment.');

export const noIntent = (): PkiError =>
  new PkiError('not-found', 'There is no such intent that was given up.');

export const noKey = (): PkiError => new PkiError('not-found', 'No device of this fleet has this key.');

export const compromisedKey = (): PkiError =>
  new PkiError(
    'key-retired',
    'A certificate of this key was revoked because the key is compromised. It is not to be freed: the device has to make another.',
  );

export const noRegistration = (): PkiError =>
  new PkiError('not-found', 'There are no such registration credentials.');

export const serverExists = (name: string): PkiError =>
  new PkiError('already-exists', `The fleet has a server named ${name} already.`);

export const noToken = (): PkiError => new PkiError('not-found', 'There is no such token.');

/** Nobody stores U+0000: SQLite cuts a bound text there in some functions, and PostgreSQL refuses it. */
export const nulInText = (): PkiError =>
  new PkiError('bad-request', 'A text holds U+0000, which cannot be stored.');
