import { describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import {
  type AuthorityProfile,
  createPolicy,
  lintCertificate,
  planAuthorityCertificate,
  planDeviceCertificate,
} from '../../src/policy/index.ts';
import {
  type Extension,
  encodeBasicConstraints,
  encodeKeyUsage,
  encodeName,
  encodeSubjectKeyIdentifier,
  encodeTbs,
  parseName,
  parsePublicKey,
  parseTbs,
} from '../../src/x509/index.ts';
import { makeKey } from '../support/csr.ts';
import { deviceProfile } from '../support/decide.ts';
import { hierarchy } from '../support/hierarchy.ts';

const now = new Date('2026-06-01T12:00:00Z');
const { authority } = hierarchy(now);
const root = await authority('generic', 'fleet-root', 'demo');
const key = makeKey();
const publicKey = parsePublicKey(key.spki);
const other = parsePublicKey(makeKey().spki);
const serial = Buffer.alloc(16, 0x42);

const devicePlan = planDeviceCertificate({
  profile: deviceProfile(),
  deviceId: 'device-1',
  publicKey,
  granted: { purposes: [], subjectAltName: 'none', warnings: [] },
  issuer: root,
  serial,
  now,
  notAfter: null,
});
const issuingPlan = planAuthorityCertificate({
  profile: createPolicy().authorityProfile('generic', 'issuing') as AuthorityProfile,
  commonName: 'line',
  publicKey,
  issuer: root,
  algorithm: root.algorithm,
  serial,
  now,
});

type Tbs = ReturnType<typeof parseTbs>;
const device = parseTbs(encodeTbs(devicePlan.content));
const issuing = parseTbs(encodeTbs(issuingPlan.content));

const replace = (list: readonly Extension[], oid: string, value: Uint8Array): readonly Extension[] =>
  list.map((extension) => (extension.oid === oid ? { ...extension, value } : extension));
const without = (list: readonly Extension[], oid: string) =>
  list.filter((extension) => extension.oid !== oid);
const named = (...attributes: { type: string; value: string }[]) => parseName(encodeName(attributes));
const cn = { type: OID.commonName, value: 'device-1' };

/** A planted fault, and what the lint says to it. */
const DEVICE: Readonly<Record<string, [Partial<Tbs>, RegExp]>> = {
  'another serial': [{ serial: Buffer.alloc(16, 0x43) }, /serial differs/],
  'a serial of 15 octets': [{ serial: Buffer.alloc(15, 0x42) }, /16 octets/],
  'a serial that begins with zero': [{ serial: Buffer.alloc(16) }, /16 octets/],
  'a negative serial': [{ serial: Buffer.alloc(16, 0x80) }, /16 octets/],
  'another signature algorithm': [{ algorithm: 'ecdsa-with-SHA384' }, /algorithm differs/],
  'another issuer': [{ issuer: named({ ...cn, value: 'other' }) }, /issuer differs/],
  'another subject': [{ subject: named({ ...cn, value: 'device-2' }) }, /subject differs/],
  'a subject that begins with something else': [
    { subject: named({ type: OID.organizationName, value: 'Acme' }, cn) },
    /begin with its CN/,
  ],
  'an empty CN': [{ subject: named({ ...cn, value: '' }) }, /begin with its CN/],
  'another notBefore': [{ notBefore: new Date(device.notBefore.getTime() + 1000) }, /notBefore differs/],
  'another notAfter': [{ notAfter: new Date(device.notAfter.getTime() - 1000) }, /notAfter differs/],
  'a notAfter before its notBefore': [{ notAfter: new Date(device.notBefore) }, /not before notAfter/],
  'a notAfter beyond its issuer’s': [
    { notAfter: new Date(root.certificate.notAfter.getTime() + 1000) },
    /outlives its issuer/,
  ],
  'a notBefore before its issuer’s': [
    { notBefore: new Date(root.certificate.notBefore.getTime() - 1000) },
    /begins before its issuer/,
  ],
  'another public key': [{ publicKey: other }, /public key differs/],
  'an extension less': [{ extensions: device.extensions.slice(1) }, /extensions differ/],
  'its extensions in another order': [{ extensions: device.extensions.toReversed() }, /extensions differ/],
  'an extension that became critical': [
    { extensions: device.extensions.map((extension) => ({ ...extension, critical: true })) },
    /extensions differ/,
  ],
  'no AKI': [{ extensions: without(device.extensions, OID.authorityKeyIdentifier) }, /no AKI/],
  'CA:TRUE': [
    {
      extensions: [
        ...device.extensions,
        {
          oid: OID.basicConstraints,
          critical: true,
          value: encodeBasicConstraints({ ca: true, pathLength: null }),
        },
      ],
    },
    /is a CA/,
  ],
  'a CA’s key usage': [
    { extensions: replace(device.extensions, OID.keyUsage, encodeKeyUsage(['keyCertSign'])) },
    /may sign certificates/,
  ],
  'any purpose': [
    { extensions: replace(device.extensions, OID.extendedKeyUsage, Buffer.from('30060604551d2500', 'hex')) },
    /any purpose/,
  ],
};

const AUTHORITY: Readonly<Record<string, [Partial<Tbs>, RegExp]>> = {
  'CA:FALSE': [
    {
      extensions: replace(
        issuing.extensions,
        OID.basicConstraints,
        encodeBasicConstraints({ ca: false, pathLength: null }),
      ),
    },
    /not a CA/,
  ],
  'no basicConstraints': [{ extensions: without(issuing.extensions, OID.basicConstraints) }, /not a CA/],
  'no key usage': [{ extensions: without(issuing.extensions, OID.keyUsage) }, /may not sign/],
  'a key usage without keyCertSign': [
    { extensions: replace(issuing.extensions, OID.keyUsage, encodeKeyUsage(['cRLSign'])) },
    /may not sign/,
  ],
  'a SKI of SHA-256 in full': [
    {
      extensions: replace(
        issuing.extensions,
        OID.subjectKeyIdentifier,
        encodeSubjectKeyIdentifier(Buffer.alloc(32)),
      ),
    },
    /160 bits/,
  ],
};

describe('the lints', () => {
  it('have nothing to say to what was planned', () => {
    expect(lintCertificate(device, devicePlan)).toEqual([]);
    expect(lintCertificate(issuing, issuingPlan)).toEqual([]);
    expect(lintCertificate(parseTbs(root.certificate.tbs), issuingPlan)).not.toEqual([]);
  });

  for (const [what, [fault, says]] of Object.entries(DEVICE)) {
    it(`see a device certificate with ${what}`, () => {
      expect(lintCertificate({ ...device, ...fault }, devicePlan)).toContainEqual(
        expect.stringMatching(says),
      );
    });
  }

  for (const [what, [fault, says]] of Object.entries(AUTHORITY)) {
    it(`see an authority with ${what}`, () => {
      expect(lintCertificate({ ...issuing, ...fault }, issuingPlan)).toContainEqual(
        expect.stringMatching(says),
      );
    });
  }
});
