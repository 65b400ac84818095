import { afterAll, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import {
  createAuthority,
  type Generation,
  hasLists,
  type ListTerms,
  makeListIfDue,
  type Signer,
  type StoredCertificate,
} from '../../src/ca/index.ts';
import {
  crlNumberOf,
  importPublicKey,
  isSignatureValid,
  parseCertificate,
  parseCrl,
  readAuthorityKeyIdentifier,
  readRevokedEntries,
  readSubjectKeyIdentifier,
} from '../../src/x509/index.ts';
import { issueTo } from '../support/issue-to.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { codeOfPromise } from '../support/refusal.ts';

const world = memoryCa();
afterAll(() => world.close());

const TERMS: ListTerms = { validHours: 168, everyHours: 24 };
const HOUR = 3_600_000;
const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

let fleets = 0;
const newRoot = async () => {
  const fleet = await world.fleet(`crl-${++fleets}`);
  return { fleet, root: await world.root(fleet) };
};
const make = (generation: Generation) => makeListIfDue(world.ca, world.act(), generation, TERMS);
const later = (milliseconds: number) =>
  world.clock.set(new Date(world.clock.now().getTime() + milliseconds).toISOString());
const readList = async ({ id }: Generation) =>
  parseCrl((await world.store.findList(id))?.der ?? new Uint8Array());
const revoke = ({ fingerprint }: StoredCertificate) =>
  world.store.markRevoked(world.act(), fingerprint, 'keyCompromise');

it('a CRL carries what RFC 5280, 5.2, wants of it, and its issuer’s signature', async () => {
  const { root } = await newRoot();
  const made = await make(root);
  const crl = await readList(root);
  const issuer = parseCertificate(root.certificate);
  const key = importPublicKey(issuer.publicKey);
  expect(isSignatureValid(crl.algorithm, 'ec', key, crl.tbs, crl.signature)).toBe(true);
  expect(hex(crl.issuer.der)).toBe(hex(issuer.subject.der));
  expect(crlNumberOf(crl)).toBe(made?.number);
  const of = (oid: string, { extensions }: Pick<typeof issuer, 'extensions'>) =>
    extensions.find((one) => one.oid === oid) ?? expect.fail(oid);
  const aki = readAuthorityKeyIdentifier(of(OID.authorityKeyIdentifier, crl));
  expect(aki).toEqual(readSubjectKeyIdentifier(of(OID.subjectKeyIdentifier, issuer)));
  expect(crl.nextUpdate.getTime() - crl.thisUpdate.getTime()).toBe(168 * HOUR);
  // A gateway whose clock runs behind must not find it in the future.
  expect(crl.thisUpdate < world.clock.now()).toBe(true);
});

it('it is made anew after a revocation, and after its time; not before', async () => {
  const { fleet, root } = await newRoot();
  const certificate = await issueTo(world, fleet, root, 'dev-1');
  const first = await make(root);
  expect(await make(root)).toBeNull();
  await revoke(certificate);
  const second = await make(root);
  const listed = [...readRevokedEntries((await readList(root)).entries)];
  expect(listed.map(({ serial, reason }) => [hex(serial), reason])).toEqual([
    [hex(certificate.serial), 'keyCompromise'],
  ]);
  later(23 * HOUR);
  expect(await make(root)).toBeNull();
  later(HOUR);
  const third = await make(root);
  const numbers = [first, second, third].map((made) => made?.number ?? 0);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect((await readList(root)).thisUpdate.getTime()).toBe(third?.thisUpdate.getTime());
});

it('a number is above all that a ledger gave out that was replaced by an older copy of it', async () => {
  const { root } = await newRoot();
  const lost = await make(root);
  later(1000);
  // The copy knows nothing of it.
  const ca = {
    ...world.ca,
    revocations: {
      ...world.store,
      findListState: async () => ({ lastNumber: 0, published: null, lastRevocation: 0, isSealed: false }),
      recordListIntent: async () => undefined,
      recordListIssued: async () => undefined,
    },
  };
  const made = await makeListIfDue(ca, world.act(), root, TERMS);
  expect(made?.number).toBeGreaterThan(lost?.number ?? Number.POSITIVE_INFINITY);
});

it('two that are made at one time do not have one number', async () => {
  const { root } = await newRoot();
  const results = await Promise.allSettled([make(root), make(root)]);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'busy' } });
});

it('nothing is signed that is not on record, and what does not verify is not published', async () => {
  const { root } = await newRoot();
  const before = await make(root);
  later(24 * HOUR);
  const signed: string[] = [];
  const open = async (keyId: string): Promise<Signer> => {
    const signer = await world.keystore.open(keyId);
    return {
      ...signer,
      sign: async (tbs) => {
        signed.push(String((await world.store.findListState(root.id)).lastNumber));
        const signature = Buffer.from(await signer.sign(tbs));
        signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
        return signature;
      },
    };
  };
  const ca = { ...world.ca, keystore: { ...world.keystore, open } };
  expect(await codeOfPromise(makeListIfDue(ca, world.act(), root, TERMS))).toBe('signer-unavailable');
  expect(signed).toEqual([String(world.clock.now().getTime())]);
  expect((await world.store.findList(root.id))?.number).toBe(before?.number);
  // The number is used up.
  expect((await make(root))?.number).toBe(world.clock.now().getTime() + 1);
});

it('an issuer without cRLSign, and a registration CA, have none', async () => {
  const fleet = await world.fleet('manual', 'ota-connect');
  const wish = { keyAlgorithm: 'ec-p256', commonName: null } as const;
  const profile = 'ota-connect-manual-root';
  const made = await createAuthority(world.ca, world.act(), fleet, {
    ...wish,
    name: 'root',
    kind: 'root',
    profile,
  });
  expect(hasLists(made.generation)).toBe(false);
  await expect(make(made.generation)).rejects.toThrow('not what was planned');
  expect(await world.store.findListState(made.generation.id)).toMatchObject({ lastNumber: 0 });
  const registration = await createAuthority(world.ca, world.act(), fleet, {
    ...wish,
    name: 'registration',
    kind: 'registration',
    profile: null,
  });
  expect(hasLists(registration.generation)).toBe(false);
});
