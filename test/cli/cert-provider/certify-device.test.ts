import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { OID } from '../../../src/asn1/index.ts';
import type { Keystore } from '../../../src/ca/index.ts';
import { certifyDevice, readSubjectWish } from '../../../src/cli/cert-provider/certify-device.ts';
import { makeDeviceKey, verifyRsaBits } from '../../../src/cli/cert-provider/device-key.ts';
import { intermediatesOf, readFleetCa } from '../../../src/cli/cert-provider/fleet-ca.ts';
import { LocalFailure } from '../../../src/cli/local-failure.ts';
import {
  encodeCertificatePem,
  findExtension,
  parseCertificate,
  parsePrivateKey,
} from '../../../src/x509/index.ts';
import { makeKey } from '../../support/csr.ts';
import { seededRandom } from '../../support/fixed.ts';
import { hierarchy, type TestAuthority } from '../../support/hierarchy.ts';
import { memoryKeystore } from '../../support/memory-keystore.ts';
import { codeOf } from '../../support/refusal.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const DAY = 86_400_000;
const random = seededRandom('cert-provider');

/** What the memory keystore holds, as a CA's people have it in a file. */
const files = new Map<string, string>();
const memory = memoryKeystore();
const keystore: Keystore = {
  ...memory,
  generate: async (keyId) => {
    const { pkcs8Pem } = makeKey(files.size === 1 ? 'P-384' : 'P-256');
    files.set(keyId, pkcs8Pem);
    return memory.adopt(keyId, parsePrivateKey(pkcs8Pem).pkcs8);
  },
};
const { authority, device } = hierarchy(new Date(NOW.getTime() - 10 * DAY), keystore);
const root = await authority('generic', 'fleet-root', 'Flotte ü');
const line = await authority('generic', 'issuing', 'line 7', 'ec-p384', root);
const manual = await authority('ota-connect', 'ota-connect-manual-root', 'by the manual');
const key = await makeDeviceKey(undefined);

const pemOf = (...authorities: readonly TestAuthority[]): string =>
  authorities.map(({ certificate }) => encodeCertificatePem(certificate.der)).join('');

const keyOf = ({ keyId }: TestAuthority): string => String(files.get(keyId));
const [rootKey, lineKey, manualKey] = [keyOf(root), keyOf(line), keyOf(manual)];
const open = (certificates: string, privateKey: string, now = NOW, passphrase?: string) =>
  readFleetCa({ certificates, privateKey, passphrase }, now);
const certify = (
  ca: ReturnType<typeof open>,
  wish: Partial<Parameters<typeof certifyDevice>[2]> = {},
  now = NOW,
) => {
  const { der, warnings } = certifyDevice(
    ca,
    key.spki,
    { deviceId: 'VIN-1', subject: {}, days: undefined, ...wish },
    { random, now },
  );
  return { ...parseCertificate(der), warnings };
};

describe("a certificate under a fleet CA's own key", () => {
  const own = open(pemOf(root), rootKey);

  it('has a serial of 16 octets, where 20 bits would make every second large fleet collide', () => {
    const serials = Array.from({ length: 50 }, () => Buffer.from(certify(own).serial).toString('hex'));
    expect(new Set(serials).size).toBe(50);
    expect(serials.every((serial) => /^[0-7]/.test(serial) && serial.length === 32)).toBe(true);
  });

  it('says what it is for: keyUsage, extendedKeyUsage, and both key identifiers', () => {
    const certificate = certify(own);
    const critical = (oid: string) => findExtension(certificate, oid)?.critical;
    expect(certificate.extensions).toHaveLength(4);
    expect([critical(OID.keyUsage), critical(OID.extendedKeyUsage)]).toEqual([true, true]);
    expect([critical(OID.subjectKeyIdentifier), critical(OID.authorityKeyIdentifier)]).toEqual([
      false,
      false,
    ]);
  });

  it('begins a day before, and ends after --days, or after 365', () => {
    expect(certify(own).notBefore).toEqual(new Date(NOW.getTime() - DAY));
    expect(certify(own).notAfter).toEqual(new Date(NOW.getTime() + 365 * DAY));
    expect(certify(own, { days: 30 }).notAfter).toEqual(new Date(NOW.getTime() + 30 * DAY));
  });

  it('never outlives the CA: the default is shortened with a warning, --days is refused', () => {
    const late = new Date(root.certificate.notAfter.getTime() - 100 * DAY);
    const shortened = certify(own, {}, late);
    expect(shortened.notAfter).toEqual(root.certificate.notAfter);
    expect(shortened.warnings[0]).toContain('shortened');
    expect(codeOf(() => certify(own, { days: 101 }, late))).toBe('validity-exceeds-issuer');
    expect(codeOf(() => certify(own, { days: 40_000 }))).toBe('validity-exceeds-issuer');
  });

  it('has the CN first, then O, ST and C, in UTF-8', () => {
    const subject = readSubjectWish({
      country: 'de',
      stateOrProvince: 'Baden-Württemberg',
      organization: 'Ünï',
    });
    const { subject: name } = certify(own, { deviceId: 'VIN ä', subject });
    expect(name.rdns.map(([attribute]) => attribute?.value)).toEqual([
      'VIN ä',
      'Ünï',
      'Baden-Württemberg',
      'DE',
    ]);
    expect(name.rdns[0]?.[0]?.type).toBe(OID.commonName);
  });

  it('comes without a warning where a gateway takes it, and with one under a root for serverAuth alone', () => {
    expect(certify(own).warnings).toEqual([]);
    expect(certify(open(pemOf(manual), manualKey)).warnings).toEqual([
      'A gateway on OpenSSL, nginx or Node will refuse this device: certificate 2 of the chain is not for clientAuth.',
    ]);
  });
});

describe('the fleet CA', () => {
  it('may be an intermediate: what is above it goes into client.pem, and the root does not', () => {
    const ca = open(pemOf(line, root), lineKey);
    expect(intermediatesOf(ca)).toHaveLength(1);
    expect(certify(ca).issuer.der).toEqual(line.certificate.subject.der);
    expect(intermediatesOf(open(pemOf(line), lineKey))).toHaveLength(1);
    expect(intermediatesOf(open(pemOf(root), rootKey))).toEqual([]);
  });

  it("is refused with another's key", () => {
    expect(codeOf(() => open(pemOf(root), lineKey))).toBe('bad-ca-certificate');
  });

  it('is refused with certificates out of order', () => {
    expect(codeOf(() => open(pemOf(root, line), rootKey))).toBe('bad-ca-certificate');
  });

  it('is refused where it is no CA, or not alive', async () => {
    const leaf = encodeCertificatePem(await device(root, 'VIN-1', makeKey()));
    expect(codeOf(() => open(leaf, rootKey))).toBe('bad-ca-certificate');
    const end = root.certificate.notAfter.getTime();
    expect(codeOf(() => open(pemOf(root), rootKey, new Date(end + 1000)))).toBe('bad-ca-certificate');
    expect(codeOf(() => open(pemOf(root), rootKey, new Date(0)))).toBe('bad-ca-certificate');
    const dying = new Date(end - 29 * DAY);
    expect(codeOf(() => certify(open(pemOf(root), rootKey, dying), {}, dying))).toBe('issuer-near-end');
  });

  it('has a key that may be encrypted, and is refused without its passphrase', () => {
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' },
    });
    expect(codeOf(() => open(pemOf(root), privateKey))).toBe('bad-pem');
    expect(codeOf(() => open(pemOf(root), privateKey, NOW, 'wrong'))).toBe('bad-pem');
    // It opens, and is another's.
    expect(codeOf(() => open(pemOf(root), privateKey, NOW, 'open'))).toBe('bad-ca-certificate');
  });
});

describe('what the command line gives', () => {
  it.each([
    [{ country: 'D' }, '--certificate-c'],
    [{ country: 'DEU' }, '--certificate-c'],
    [{ country: '' }, '--certificate-c'],
    [{ stateOrProvince: '' }, '--certificate-st'],
    [{ organization: 'x'.repeat(65) }, '--certificate-o'],
    [{ organization: 'bell\u0007' }, '--certificate-o'],
  ])('is refused by the name of its option: %j', (given, flag) => {
    let violations: unknown;
    try {
      readSubjectWish(given);
    } catch (failure) {
      violations = failure instanceof LocalFailure ? failure.violations.map(({ at }) => at) : failure;
    }
    expect(violations).toEqual([flag]);
  });

  it('is --bits from 2048 to 8192', () => {
    expect([2047, 2048, 8192, 8193].map((bits) => codeOf(() => verifyRsaBits(bits)))).toEqual([
      'weak-key',
      'taken',
      'taken',
      'bad-key',
    ]);
  });
});
