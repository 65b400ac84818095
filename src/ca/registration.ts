import { createHash } from 'node:crypto';
import { type KeyMaker, type Requester, UNBOUND } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import { planDeviceCertificate, prepareTbs, REGISTRATION_PROFILE } from '../policy/index.ts';
import { parsePublicKey } from '../x509/index.ts';
import type { CaContext } from './context.ts';
import { issuerFor, pickIssuer } from './issuer.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';
import type { Registration } from './registration-ports.ts';
import { mintSerial } from './serial.ts';
import { signWith } from './sign-with.ts';

export interface RegistrationWish {
  /** For people: where the credentials go. */
  readonly name: string;
  readonly maxDevices: number;
  readonly validityDays: number;
  /** The authority that issues the devices; null: the fleet's. */
  readonly authority: string | null;
  /** The profile that devices are made under; null: the target's. */
  readonly profile: string | null;
}

/** Credentials with their key, which is kept nowhere: whoever hands it on wipes it. */
export interface NewRegistration {
  readonly registration: Registration;
  /** PKCS#8, DER. */
  readonly privateKey: Uint8Array;
}

const DAY = 86_400_000;

function activeRegistrationCa(fleet: Fleet, generations: readonly Generation[]): Generation {
  const found = generations.find(({ kind, state }) => kind === 'registration' && state === 'active');
  if (found) return found;
  throw new PkiError(
    'authority-not-active',
    `The fleet ${fleet.name} has no registration CA yet: create an authority of kind registration.`,
  );
}

/** A slip in these would show at the first device, weeks later. */
function verifyDevicesPossible(
  ca: CaContext,
  { target }: Fleet,
  generations: readonly Generation[],
  { authority, profile }: RegistrationWish,
): void {
  if (authority !== null) pickIssuer(generations, authority);
  if (profile === null || ca.policy.deviceProfile(target, profile)) return;
  throw new PkiError('profile-unknown', `There is no device profile named ${profile} for this fleet.`);
}

/**
 * Makes what devices register with: a key, and its certificate by the same cycle as a leaf's, from the
 * fleet's registration CA. Refuses `authority-not-active`, `profile-unknown`, `issuer-near-end`,
 * `validity-exceeds-issuer`, `validity-exceeds-profile`, and what ledger and keystore refuse.
 */
export async function createRegistration(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  wish: RegistrationWish,
  makeKey: KeyMaker,
): Promise<NewRegistration> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const authority = activeRegistrationCa(fleet, generations);
  verifyDevicesPossible(ca, fleet, generations, wish);
  const signer = await ca.keystore.open(authority.keyId);
  const id = Buffer.from(ca.random.bytes(8)).toString('hex');

  // Step 2: prepare. The key comes first, for the certificate names it.
  const { pkcs8, spki } = makeKey('ec-p256');
  try {
    const plan = planDeviceCertificate({
      profile: REGISTRATION_PROFILE,
      deviceId: `registration ${id}`,
      publicKey: parsePublicKey(spki),
      granted: { purposes: [], subjectAltName: 'none', warnings: [] },
      issuer: issuerFor(authority),
      serial: mintSerial(ca.random),
      now: act.at,
      notAfter: new Date(act.at.getTime() + wish.validityDays * DAY),
    });
    const tbs = prepareTbs(plan);

    // Step 3: record the intent.
    const { serial, notBefore, notAfter, publicKey } = plan.content;
    await ca.registrations.recordRegistrationIntent(act, ca.runId, {
      id,
      fleetId: fleet.id,
      name: wish.name,
      maxDevices: wish.maxDevices,
      authority: wish.authority,
      profile: wish.profile,
      issuerId: authority.id,
      serial,
      keyDigest: createHash('sha256').update(publicKey).digest(),
      tbsDigest: tbs.digest,
      notBefore,
      notAfter,
    });

    // Step 4: sign, and verify.
    const der = await signWith(signer, tbs.takeFor(authority.id));

    // Step 5: complete.
    const registration = await ca.registrations.recordRegistrationIssued(act, ca.runId, id, der);
    return { registration, privateKey: pkcs8 };
  } catch (failure) {
    pkcs8.fill(0);
    throw failure;
  }
}

/**
 * Whose certificate a peer has shown: exactly one on record, by its SHA-256. Rejects with
 * `unauthenticated` where there is none, or it was revoked or is not valid now. Whether it is good for
 * another device is decided when that is recorded.
 */
export async function authenticateRegistration(
  ca: CaContext,
  certificate: Uint8Array,
  now: Date,
): Promise<Registration> {
  const fingerprint = createHash('sha256').update(certificate).digest();
  const found = await ca.registrations.findRegistration(fingerprint);
  if (!found) {
    throw new PkiError(
      'unauthenticated',
      'The certificate of the client is not one that devices register with.',
    );
  }
  const { id, revokedAt, notBefore, notAfter } = found;
  const facts = { registration: id };
  if (revokedAt !== null) {
    throw new PkiError('unauthenticated', 'The registration credentials were revoked.', { facts });
  }
  if (notAfter <= now || now < notBefore) {
    const when = `from ${notBefore.toISOString()} to ${notAfter.toISOString()}`;
    throw new PkiError('unauthenticated', `The registration credentials are valid ${when}.`, { facts });
  }
  return found;
}

/** A device that registers asks as a station of the fleet does, and for itself alone. */
export const requesterOf = ({ id, name }: Registration, fleet: Fleet): Requester => ({
  id,
  name,
  role: 'station',
  rights: [],
  fleet: fleet.name,
  bounds: UNBOUND,
});
