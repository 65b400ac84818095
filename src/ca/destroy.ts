import { PkiError } from '../errors.ts';
import { certificateFingerprint } from '../x509/index.ts';
import { getMember } from './compromise.ts';
import type { CaContext } from './context.ts';
import { placeOf } from './keystore-ports.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';
import { hasLists, lastListEnd, makeLastList } from './revocation-list.ts';

export interface DestructionWish {
  readonly authority: string;
  readonly number: number;
  /** SHA-256 of its certificate, hex: that it is this one. */
  readonly fingerprint: string;
  readonly reason: string;
}

/** A generation without a key, and what a person should know of it. */
export interface Destruction {
  readonly generation: Generation;
  readonly warnings: readonly string[];
}

const called = ({ authority, number }: Generation): string => `${authority}, generation ${number}`;

const refuse = (message: string): never => {
  throw new PkiError('rotation-refused', message);
};

/**
 * Decides whether a generation's key may be destroyed: nothing is to be signed with it any more but the last CRL.
 * Refuses `rotation-refused`.
 */
export function verifyDestroyable(member: Generation): void {
  const { state, withdrawn, keyId } = member;
  if (placeOf(keyId) === 'offline') {
    refuse(
      `The key of ${called(member)} is offline, and the service never had it. Sign a last CRL in a ceremony, take it in, and destroy the key where it is.`,
    );
  }
  if (state === 'retired' || (state === 'compromised' && withdrawn)) return;
  if (state === 'compromised') refuse(`${called(member)} is in the trust bundle still: withdraw it first.`);
  refuse(
    `destroy is for a generation that is retired, or compromised and withdrawn; ${called(member)} is ${state}.`,
  );
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

function verifyMeant(member: Generation, fingerprint: string): void {
  const own = hex(certificateFingerprint(member.certificate));
  if (own === fingerprint.toLowerCase()) return;
  throw new PkiError(
    'rotation-refused',
    `The certificate of ${called(member)} has another fingerprint than the one that was confirmed.`,
    { facts: { own, confirmed: fingerprint } },
  );
}

/** Before anything is recorded: a key that cannot be reached now signs no last CRL. */
async function verifyWithinReach(ca: CaContext, member: Generation): Promise<void> {
  if (member.key === 'kept' && hasLists(member)) await ca.keystore.open(member.keyId);
}

/**
 * Destroys the key of a generation. Where it breaks off, the same again ends it: how far it came is in the ledger.
 * Rejects with `not-found`, `rotation-refused`, `busy` where another does the same, `signer-unavailable` where the
 * key cannot be reached, and as the ledger does.
 */
export async function destroyKey(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  { authority, number, fingerprint, reason }: DestructionWish,
): Promise<Destruction> {
  const member = getMember(await ca.ledger.listGenerations(fleet.id), { authority, number });
  verifyMeant(member, fingerprint);
  verifyDestroyable(member);
  await verifyWithinReach(ca, member);
  // Step 1: give it up. No way leads back from here, and no CRL but the last is signed.
  const given = await ca.rotation.giveUpKey(act, { fleetId: fleet.id, authority, number }, reason);
  if (given.key !== 'destroyed') {
    // Step 2: the last CRL, while there is a key that can sign it. Recorded, it is published.
    if (hasLists(given)) await makeLastList(ca, act, given);
    // Step 3: the key goes. Where it is gone already, nothing changes.
    await ca.keystore.destroy(given.keyId);
  }
  // Step 4: record that it is gone.
  const generation = await ca.rotation.recordDestroyed(act, given.id);
  return { generation, warnings: await destructionWarnings(ca, generation) };
}

/** What a person should know of a generation whose key is given up or destroyed. */
async function destructionWarnings(ca: CaContext, generation: Generation): Promise<readonly string[]> {
  const copies = 'Copies of the key in backups are not destroyed with it.';
  if (!hasLists(generation)) return ['It may not sign CRLs, so there is no last one.', copies];
  const { published } = await ca.revocations.findListState(generation.id);
  return [
    `CRL ${published?.number} is its last, and holds until ${published?.nextUpdate.toISOString()}.`,
    copies,
  ];
}

/** What its last CRL would hold until, were it signed now; null where it signs none. */
export const forecastLastList = async (ca: CaContext, generation: Generation): Promise<Date | null> =>
  hasLists(generation) ? lastListEnd(generation, await ca.revocations.findLastEnd(generation.id)) : null;

const awayWarning = (issuer: Generation): string =>
  `The key of ${called(issuer)}, is offline: no CRL tells of this until one that lists it is made where the key is, and taken in here.`;

/** That no CRL will tell of what is revoked under an issuer from now on; empty where one will. */
export function unlistedWarnings(generations: readonly Generation[], issuerId: number): readonly string[] {
  const issuer = generations.find(({ id }) => id === issuerId);
  if (!issuer) return [];
  if (issuer.key === 'kept') return placeOf(issuer.keyId) === 'offline' ? [awayWarning(issuer)] : [];
  return [
    `The key of ${called(issuer)}, is ${issuer.key === 'destroyed' ? 'destroyed' : 'about to be destroyed'}: no CRL after its last one tells of this. It is revoked in the ledger, and its issuer is out of the trust bundle.`,
  ];
}
