import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  authenticateRegistration,
  createAuthority,
  createRegistration,
  type Fleet,
  findIssuer,
  pickIssuer,
  type RegistrationWish,
  requesterOf,
} from '../../src/ca/index.ts';
import { makeDeviceKey } from '../../src/pool/index.ts';
import { readPublication } from '../../src/status/index.ts';
import { checkChain, parseCertificate } from '../../src/x509/index.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { codeOfPromise, refusalOfPromise } from '../support/refusal.ts';

const DAY = 86_400_000;
const world = memoryCa();
afterAll(() => world.close());

const sha256 = (octets: Uint8Array): Buffer => createHash('sha256').update(octets).digest();

const wish = (more: Partial<RegistrationWish> = {}): RegistrationWish => ({
  name: 'images of June',
  maxDevices: 5,
  validityDays: 30,
  authority: null,
  profile: null,
  ...more,
});
const create = (fleet: Fleet, more: Partial<RegistrationWish> = {}) =>
  createRegistration(world.ca, world.act(), fleet, wish(more), makeDeviceKey);
const registrationCa = (fleet: Fleet, more: { readonly commonName?: string } = {}) =>
  createAuthority(world.ca, world.act(), fleet, {
    name: 'registration',
    kind: 'registration',
    keyAlgorithm: 'ec-p256',
    profile: null,
    commonName: null,
    ...more,
  });

let fleet: Fleet;
beforeAll(async () => {
  fleet = await world.fleet('demo');
  await world.root(fleet);
  await registrationCa(fleet);
});

describe('a registration CA', () => {
  it('signs itself, and not the other way round: under the root its certificates would be devices', async () => {
    const own = await world.fleet('alone');
    const { generation, warnings } = await registrationCa(own);
    expect(generation).toMatchObject({ kind: 'registration', issuerId: generation.id, state: 'active' });
    const certificate = new X509Certificate(generation.certificate);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe('CN=alone registration');
    expect(warnings).toEqual([]);
  });

  it('is one a fleet, with a key in the keystore like any other', async () => {
    expect((await refusalOfPromise(registrationCa(fleet)))?.code).toBe('already-exists');
    const generations = await world.store.listGenerations(fleet.id);
    const own = generations.find(({ kind }) => kind === 'registration');
    const signer = await world.keystore.open(own?.keyId ?? '');
    expect(Buffer.from(signer.publicKey)).toEqual(
      new X509Certificate(own?.certificate ?? '').publicKey.export({ format: 'der', type: 'spki' }),
    );
  });

  it('is never picked for a device: not by default, and not by its name', async () => {
    const issuer = await findIssuer(world.ca, fleet.id, null);
    expect(issuer.kind).toBe('root');
    expect(await codeOfPromise(findIssuer(world.ca, fleet.id, 'registration'))).toBe('authority-not-active');
    const generations = await world.store.listGenerations(fleet.id);
    const alone = generations.filter(({ kind }) => kind === 'registration');
    expect(() => pickIssuer(alone, null)).toThrow(expect.objectContaining({ code: 'authority-not-active' }));
  });

  it('is in no trust bundle', async () => {
    const { trusted, trustBundle } = await readPublication(world.ca, 'demo');
    expect(trusted.map(({ subject }) => subject)).toEqual(['CN=demo']);
    expect(trustBundle.match(/BEGIN/g)).toHaveLength(1);
  });

  it('of a fleet without a root publishes nothing', async () => {
    expect(await codeOfPromise(readPublication(world.ca, 'alone'))).toBe('not-found');
  });
});

describe('registration credentials', () => {
  it('are a key and a client certificate of the registration CA, and of nobody else', async () => {
    const { registration, privateKey } = await create(fleet);
    const generations = await world.store.listGenerations(fleet.id);
    const certificateOf = (kind: string) =>
      parseCertificate(generations.find((one) => one.kind === kind)?.certificate ?? new Uint8Array());
    const leaf = parseCertificate(registration.certificate);
    const now = world.clock.now();
    expect(checkChain([leaf, certificateOf('registration')], 'clientAuth', now)).toEqual([]);
    expect(checkChain([leaf, certificateOf('root')], 'clientAuth', now)).not.toEqual([]);
    const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
    expect(spki).toEqual(Buffer.from(leaf.publicKey.spki));
    const seen = new X509Certificate(registration.certificate);
    expect(seen.subject).toBe(`CN=registration ${registration.id}`);
    expect(seen.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(seen.ca).toBe(false);
  });

  it('live as long as they were asked for, and never longer than their CA', async () => {
    const { registration } = await create(fleet, { validityDays: 7 });
    expect(registration.notAfter.getTime() - world.clock.now().getTime()).toBe(7 * DAY);
    expect(await codeOfPromise(create(fleet, { validityDays: 3650 }))).toBe('taken');
    world.clock.set('2026-06-02T12:00:00Z');
    expect(await codeOfPromise(create(fleet, { validityDays: 3650 }))).toBe('validity-exceeds-issuer');
  });

  it('are refused before a key is made where there is no registration CA, authority or profile', async () => {
    const none = await world.fleet('none');
    await world.root(none);
    const refused = async (of: Fleet, more: Partial<RegistrationWish> = {}) => {
      let keys = 0;
      const promise = createRegistration(world.ca, world.act(), of, wish(more), (algorithm) => {
        keys++;
        return makeDeviceKey(algorithm);
      });
      return [await codeOfPromise(promise), keys];
    };
    expect(await refused(none)).toEqual(['authority-not-active', 0]);
    expect(await refused(fleet, { authority: 'line-9' })).toEqual(['authority-not-active', 0]);
    expect(await refused(fleet, { authority: 'registration' })).toEqual(['authority-not-active', 0]);
    expect(await refused(fleet, { profile: 'registration-credential' })).toEqual(['profile-unknown', 0]);
  });

  it('leave no key behind where they cannot be recorded, and nothing is signed then', async () => {
    let pkcs8 = new Uint8Array(0);
    const registrations = {
      ...world.store,
      recordRegistrationIntent: () => Promise.reject(new Error('the disk is gone')),
    };
    const opened: string[] = [];
    const keystore = {
      ...world.keystore,
      open: async (id: string) => {
        const signer = await world.keystore.open(id);
        const sign = (tbs: Uint8Array): Promise<Uint8Array> => {
          opened.push(id);
          return signer.sign(tbs);
        };
        return { ...signer, sign };
      },
    };
    const made = createRegistration(
      { ...world.ca, registrations, keystore },
      world.act(),
      fleet,
      wish(),
      (algorithm) => {
        const key = makeDeviceKey(algorithm);
        pkcs8 = key.pkcs8 as Uint8Array<ArrayBuffer>;
        return key;
      },
    );
    await expect(made).rejects.toThrow('the disk is gone');
    expect(pkcs8.length).toBeGreaterThan(0);
    expect(pkcs8.every((octet) => octet === 0)).toBe(true);
    expect(opened).toEqual([]);
  });
});

describe('a peer', () => {
  const authenticate = (der: Uint8Array, at = world.clock.now()) =>
    authenticateRegistration(world.ca, der, at);

  it('is one certificate exactly, and asks as a station of its fleet', async () => {
    const { registration } = await create(fleet);
    const found = await authenticate(registration.certificate);
    expect(Buffer.from(found.fingerprint)).toEqual(sha256(registration.certificate));
    expect(requesterOf(found, fleet)).toMatchObject({ id: registration.id, role: 'station', fleet: 'demo' });
  });

  it('with any other certificate is unauthenticated: a twin by name and issuer, the CA itself, junk', async () => {
    const { registration } = await create(fleet);
    const flipped = Uint8Array.from(registration.certificate);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    const generations = await world.store.listGenerations(fleet.id);
    const others = [flipped, ...generations.map(({ certificate }) => certificate), new Uint8Array(0)];
    for (const der of others) expect(await codeOfPromise(authenticate(der))).toBe('unauthenticated');
  });

  it('whose credentials were revoked, have ended or are not valid yet is told so', async () => {
    const { registration } = await create(fleet, { validityDays: 1 });
    const { certificate, notAfter, notBefore, id } = registration;
    const before = new Date(notBefore.getTime() - 1);
    expect((await refusalOfPromise(authenticate(certificate, notAfter)))?.message).toContain('valid from');
    expect(await codeOfPromise(authenticate(certificate, before))).toBe('unauthenticated');
    await world.store.revokeRegistration(world.act(), id, 'lost');
    expect((await refusalOfPromise(authenticate(certificate)))?.message).toContain('revoked');
  });
});
