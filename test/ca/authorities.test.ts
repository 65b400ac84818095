import { afterAll, describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import {
  type AuthorityWish,
  type CaContext,
  createAuthority,
  type Fleet,
  type Keystore,
  type Signer,
} from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';
import { parseProfile } from '../../src/policy/index.ts';
import {
  checkChain,
  findExtension,
  parseCertificate,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readSubjectKeyIdentifier,
} from '../../src/x509/index.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { codeOfPromise, refusalOfPromise } from '../support/refusal.ts';

const shortLived = parseProfile({
  kind: 'root',
  name: 'short-root',
  validityDays: 60,
  backdateHours: 48,
  keyUsage: { critical: true, bits: ['keyCertSign'] },
  extendedKeyUsage: null,
  basicConstraints: { critical: true, pathLength: null },
  subjectKeyIdentifier: 'sha256-160',
});
const lonely = parseProfile({
  ...shortLived,
  name: 'lonely-root',
  validityDays: 3650,
  basicConstraints: { critical: true, pathLength: 0 },
});

const world = memoryCa({ profiles: [shortLived, lonely] });
afterAll(() => world.close());

/** The keystore's twin, counting the keys that were made. */
const made: string[] = [];
const counting: CaContext = {
  ...world.ca,
  keystore: {
    ...world.keystore,
    generate: (keyId, algorithm) => {
      made.push(keyId);
      return world.keystore.generate(keyId, algorithm);
    },
  },
};

const wish = (more: Partial<AuthorityWish> = {}): AuthorityWish => ({
  name: 'root',
  kind: 'root',
  keyAlgorithm: 'ec-p256',
  profile: null,
  commonName: null,
  ...more,
});
const create = (fleet: Fleet, more: Partial<AuthorityWish> = {}, ca: CaContext = counting) =>
  createAuthority(ca, world.act(), fleet, wish(more));
const issuing = { name: 'line-7', kind: 'issuing' } as const;

let fleets = 0;
const newFleet = (target: 'generic' | 'ota-connect' | 'ota-ce' = 'generic') =>
  world.fleet(`f${fleets++}`, target);
async function fleetWithRoot(more: Partial<AuthorityWish> = {}): Promise<Fleet> {
  const fleet = await newFleet();
  await create(fleet, more);
  return fleet;
}

/** The code, and how many keys were made for it. */
async function refused(promise: () => Promise<unknown>): Promise<[string, number]> {
  const before = made.length;
  return [await codeOfPromise(promise()), made.length - before];
}

describe('a root', () => {
  it('is self-signed, active, and named after its fleet unless it is told otherwise', async () => {
    const fleet = await newFleet();
    const { generation, warnings } = await create(fleet);
    const certificate = parseCertificate(generation.certificate);
    expect(generation).toMatchObject({
      authority: 'root',
      kind: 'root',
      number: 1,
      state: 'active',
      imported: false,
    });
    expect(generation.issuerId).toBe(generation.id);
    expect(certificate.subject.rdns).toEqual([[{ type: OID.commonName, tag: 0x0c, value: fleet.name }]]);
    expect(checkChain([certificate], 'clientAuth', world.clock.now())).toEqual([]);
    expect(warnings).toEqual([]);
    const { generation: named } = await create(await newFleet(), { commonName: 'Flotte Süd' });
    expect(parseCertificate(named.certificate).subject.rdns[0]?.[0]?.value).toBe('Flotte Süd');
  });

  for (const keyAlgorithm of ['ec-p256', 'ec-p384', 'ed25519'] as const) {
    it(`with a key of kind ${keyAlgorithm} is signed with what fits it`, async () => {
      const { generation } = await create(await newFleet(), { keyAlgorithm });
      const certificate = parseCertificate(generation.certificate);
      expect(certificate.algorithm).toBe(
        {
          'ec-p256': 'ecdsa-with-SHA256',
          'ec-p384': 'ecdsa-with-SHA384',
          ed25519: 'Ed25519',
        }[keyAlgorithm],
      );
    });
  }

  it('after the manual of OTA Connect comes with the warning about its purpose', async () => {
    const { warnings } = await create(await newFleet('ota-connect'), { profile: 'ota-connect-manual-root' });
    expect(warnings.some((warning) => warning.includes('clientAuth'))).toBe(true);
  });

  it('is one a fleet, and its name is taken', async () => {
    const fleet = await fleetWithRoot();
    expect(await refused(() => create(fleet))).toEqual(['already-exists', 0]);
    expect(await refused(() => create(fleet, { name: 'root-2' }))).toEqual(['already-exists', 0]);
    expect(await refused(() => create(fleet, { ...issuing, name: 'root' }))).toEqual(['already-exists', 0]);
  });

  it('is refused where its profile is unknown, of another kind, or of another target, before a key is made', async () => {
    const fleet = await newFleet();
    for (const profile of ['nothing', 'issuing', 'device', 'ota-connect-manual-root', '__proto__']) {
      expect(await refused(() => create(fleet, { profile }))).toEqual(['profile-unknown', 0]);
    }
  });

  it('has a key of a kind that its target takes', async () => {
    const keyAlgorithm = 'ed25519';
    expect(await refused(async () => create(await newFleet('ota-connect'), { keyAlgorithm }))).toEqual([
      'algorithm-not-allowed',
      0,
    ]);
    expect(await codeOfPromise(create(await newFleet('ota-ce'), { keyAlgorithm }))).toBe('taken');
  });
});

describe('an issuing authority', () => {
  it('is signed by the root, repeats its key identifier, and has no CA below it', async () => {
    const fleet = await newFleet();
    const root = parseCertificate((await create(fleet, { keyAlgorithm: 'ec-p384' })).generation.certificate);
    const { generation } = await create(fleet, issuing);
    const certificate = parseCertificate(generation.certificate);
    expect(certificate.algorithm).toBe('ecdsa-with-SHA384');
    expect(certificate.subject.rdns[0]?.[0]?.value).toBe(`${fleet.name} line-7 G1`);
    const ski = findExtension(root, OID.subjectKeyIdentifier);
    const aki = findExtension(certificate, OID.authorityKeyIdentifier);
    expect(aki && readAuthorityKeyIdentifier(aki)).toEqual(ski && readSubjectKeyIdentifier(ski));
    const constraints = findExtension(certificate, OID.basicConstraints);
    expect(constraints && readBasicConstraints(constraints)).toEqual({ ca: true, pathLength: 0 });
    expect(checkChain([certificate, root], 'clientAuth', world.clock.now())).toEqual([]);
  });

  it('needs a root, one with time left, and one that allows a CA below it; no key is made before', async () => {
    const fleet = await newFleet();
    expect(await refused(() => create(fleet, issuing))).toEqual(['authority-not-active', 0]);
    const ending = await fleetWithRoot({ profile: 'short-root' });
    const start = world.clock.now();
    world.clock.set('2026-07-05T12:00:00Z');
    expect(await refused(() => create(ending, issuing))).toEqual(['issuer-near-end', 0]);
    world.clock.set(start);
    const alone = await fleetWithRoot({ profile: 'lonely-root' });
    expect(await refused(() => create(alone, issuing))).toEqual(['bad-request', 0]);
  });

  it('never outlives the root, and says that it was shortened', async () => {
    const fleet = await fleetWithRoot({ profile: 'short-root' });
    const { generation, warnings } = await create(fleet, issuing);
    const [root] = await world.store.listGenerations(fleet.id);
    expect(parseCertificate(generation.certificate).notAfter).toEqual(
      parseCertificate(root?.certificate as Uint8Array).notAfter,
    );
    expect(warnings).toHaveLength(1);
  });
});

describe('the common name of an authority', () => {
  const long = 'n'.repeat(63);

  it('has at most 64 characters, also where it is the default', async () => {
    const fleet = await world.fleet(long);
    expect(await codeOfPromise(create(fleet))).toBe('taken');
    const refusal = await refusalOfPromise(create(fleet, issuing));
    expect([refusal?.code, refusal?.violations.map(({ at }) => at)]).toEqual([
      'bad-request',
      ['/commonName'],
    ]);
    expect(await codeOfPromise(create(fleet, { ...issuing, commonName: 'l'.repeat(64) }))).toBe('taken');
  });

  it('is not empty, and holds nothing that does not print', async () => {
    const fleet = await newFleet();
    for (const commonName of ['', 'a\0', 'a\nb', 'a\u202eb', '\ud800', 'l'.repeat(65)]) {
      expect(await refused(() => create(fleet, { commonName }))).toEqual(['bad-request', 0]);
    }
  });
});

describe('a key that fails', () => {
  const withSigner = (sign: Signer['sign']): CaContext => {
    const generate: Keystore['generate'] = async (keyId, algorithm) => ({
      ...(await world.keystore.generate(keyId, algorithm)),
      sign,
    });
    return { ...world.ca, keystore: { ...world.keystore, generate } };
  };

  it('with a signature that does not verify leaves no authority behind, and the name is free again', async () => {
    const fleet = await newFleet();
    for (const sign of [
      async () => new Uint8Array(64),
      async () => Buffer.from('3006020101020101', 'hex'),
      async (tbs: Uint8Array) => tbs,
    ]) {
      expect(await codeOfPromise(create(fleet, {}, withSigner(sign)))).toBe('signer-unavailable');
    }
    expect(await world.store.listGenerations(fleet.id)).toEqual([]);
    expect(await codeOfPromise(create(fleet))).toBe('taken');
  });

  it('altogether is passed on, and the name is free again', async () => {
    const fleet = await newFleet();
    const broken = withSigner(() => Promise.reject(new Error('the token burns')));
    await expect(create(fleet, {}, broken)).rejects.toThrow('the token burns');
    expect(await codeOfPromise(create(fleet))).toBe('taken');
  });
});

it('leaves no key behind where the ledger refuses its intent, or the parent cannot be opened', async () => {
  const fleet = await world.fleet('no-leftovers', 'generic');
  await world.root(fleet);
  const held = world.keystore.held();
  const issuing = wish({ name: 'line', kind: 'issuing' });
  const refused = async (ledger: Partial<CaContext['ledger']>, keystore: Partial<Keystore> = {}) => {
    const ca = {
      ...world.ca,
      ledger: { ...world.ca.ledger, ...ledger },
      keystore: { ...world.keystore, ...keystore },
    };
    return codeOfPromise(createAuthority(ca, world.act(), fleet, issuing));
  };
  const recordGenerationIntent = async () => {
    throw new PkiError('clock-behind', 'The clock stands before the last intent.');
  };
  const open = async () => {
    throw new PkiError('signer-unavailable', 'Its file is missing.');
  };
  expect(await refused({ recordGenerationIntent })).toBe('clock-behind');
  expect(await refused({}, { open })).toBe('signer-unavailable');
  expect(world.keystore.held()).toEqual(held);
});
