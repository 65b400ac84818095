import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DeviceProfile,
  makeLeafMould,
  parseProfile,
  planDeviceCertificate,
  prepareTbs,
  TARGETS,
} from '../../src/policy/index.ts';
import { type KeyAlgorithm, makeLeafTemplate, parsePublicKey, parseTbs } from '../../src/x509/index.ts';
import { makeKey, type TestKeyKind } from '../support/csr.ts';
import { deviceProfile } from '../support/decide.ts';
import { hierarchy } from '../support/hierarchy.ts';

const now = new Date('2026-06-01T12:00:00Z');
const { authority } = hierarchy(now);
const NOTHING = { purposes: [], subjectAltName: 'none', warnings: [] } as const;

const KINDS: readonly TestKeyKind[] = ['P-256', 'P-384', 'P-521', 'rsa-2048', 'rsa-3072', 'ed25519'];
const keys = KINDS.map((kind) => parsePublicKey(makeKey(kind).spki));

const base = deviceProfile('generic');
const own = (name: string, more: object): DeviceProfile =>
  parseProfile({ ...base, name, ...more }) as DeviceProfile;
const profiles: readonly DeviceProfile[] = [
  ...TARGETS.map((target) => deviceProfile(target)),
  own('end-entity', { basicConstraints: 'end-entity' }),
  own('bare', { keyUsage: null, extendedKeyUsage: null }),
  own('both', { extendedKeyUsage: { critical: false, purposes: ['clientAuth', 'serverAuth'] } }),
  own('named', {
    subject: {
      organizationalUnit: 'Línea 7',
      organization: 'Acme',
      locality: 'Z',
      stateOrProvince: 'Y',
      country: 'DE',
    },
  }),
  own('with-crl', { crlBaseUrl: 'http://pki.example.com:8080' }),
  own('long', { validityDays: 3000, maxValidityDays: 9000 }),
];

const AUTHORITIES: readonly KeyAlgorithm[] = ['ec-p256', 'ec-p384', 'rsa-3072', 'ed25519'];
const issuers = await Promise.all(
  AUTHORITIES.map(async (algorithm, i) => ({
    ...(await authority('generic', 'fleet-root', `Flotte ${'x'.repeat(i * 20)}`, algorithm)),
    crlPath: i % 2 === 0 ? '/pki/demo/crl/root/1.crl' : null,
  })),
);

const serials = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((octets) => Uint8Array.from(octets, (octet, i) => (i === 0 ? octet & 0x7f || 1 : octet)));
const names = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 64 })
  .filter((text) => text !== '' && text.isWellFormed());

const wishes = fc.record({
  profile: fc.constantFrom(...profiles),
  issuer: fc.constantFrom(...issuers),
  publicKey: fc.constantFrom(...keys),
  serial: serials,
  deviceId: names,
  days: fc.option(fc.integer({ min: 1, max: 365 }), { nil: null }),
});

describe('a leaf by template', () => {
  it('is octet for octet what the general encoder writes, for every profile, key, issuer and name', () => {
    fc.assert(
      fc.property(wishes, ({ profile, issuer, days, ...rest }) => {
        const notAfter = days === null ? null : new Date(now.getTime() + days * 86_400_000);
        const wish = { ...rest, granted: NOTHING, now, notAfter };
        const quick = makeLeafMould(profile, issuer)(wish);
        const plan = planDeviceCertificate({ ...wish, profile, issuer });
        const general = prepareTbs(plan);
        expect(quick.warnings).toEqual(plan.warnings);
        expect(Buffer.from(quick.tbs.digest).toString('hex')).toBe(
          Buffer.from(general.digest).toString('hex'),
        );
        const octets = quick.tbs.takeFor(issuer.generationId);
        expect(Buffer.compare(octets, general.takeFor(issuer.generationId))).toBe(0);
      }),
      { seed: 7, numRuns: 400 },
    );
  });

  it('goes field by field where the request was granted more', () => {
    const [issuer] = issuers;
    const [publicKey] = keys;
    if (!issuer || !publicKey) throw new Error('no issuer');
    const granted = { purposes: ['serverAuth'], subjectAltName: 'device-id', warnings: [] } as const;
    const wish = {
      deviceId: 'd-1',
      publicKey,
      granted,
      serial: Uint8Array.of(1, ...randomBytes(15)),
      now,
      notAfter: null,
    };
    const octets = makeLeafMould(base, issuer)(wish).tbs.takeFor(issuer.generationId);
    const general = prepareTbs(planDeviceCertificate({ ...wish, profile: base, issuer }));
    expect(Buffer.compare(octets, general.takeFor(issuer.generationId))).toBe(0);
  });

  it('is read back: any octet changed is seen', () => {
    const [issuer] = issuers;
    const [publicKey] = keys;
    if (!issuer || !publicKey) throw new Error('no issuer');
    const template = makeLeafTemplate({
      algorithm: issuer.algorithm,
      issuer: issuer.certificate.subject.der,
      subjectTail: [],
      before: [],
      after: [],
    });
    const fields = {
      serial: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
      notBefore: now,
      notAfter: new Date('2051-01-01T00:00:00Z'),
      commonName: 'd-1',
      publicKey: publicKey.spki,
      keyIdentifier: new Uint8Array(20),
    };
    const tbs = template.encode(fields);
    expect(parseTbs(tbs).notAfter).toEqual(fields.notAfter);
    expect(template.matches(tbs, fields)).toBe(true);
    for (let at = 0; at < tbs.length; at++) {
      const changed = Uint8Array.from(tbs);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const seen = (() => {
        try {
          return template.matches(changed, fields);
        } catch {
          return false;
        }
      })();
      expect(seen, `octet ${at}`).toBe(false);
    }
  });
});
