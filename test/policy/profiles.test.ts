import { describe, expect, it } from 'vitest';
import {
  createPolicy,
  type DeviceProfile,
  parseProfile,
  profileDigest,
  TARGETS,
} from '../../src/policy/index.ts';
import { deviceProfile } from '../support/decide.ts';

const device = deviceProfile();
const root = createPolicy().authorityProfile('generic', 'fleet-root');
const deviceWith = (more: object): object => ({ ...device, name: 'own', ...more });
const rootWith = (more: object): object => ({ ...root, name: 'own', ...more });
const keys = (more: object): object => deviceWith({ keys: { ...device.keys, ...more } });

/** What a YAML file may hold instead of a profile. */
const WRONG: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  null: null,
  'a text': 'device',
  'a list': [device],
  'an empty object': {},
  'a profile without its kind': deviceWith({ kind: undefined }),
  'a kind that does not exist': deviceWith({ kind: 'gateway' }),
  'a field that is not known': deviceWith({ validity: 365 }),
  'a field of the other kind': deviceWith({ subjectKeyIdentifier: 'omit' }),
  'a name with a slash': deviceWith({ name: 'a/b' }),
  'a name with capitals': deviceWith({ name: 'Own' }),
  'a name that begins with a dash': deviceWith({ name: '-own' }),
  'an empty name': deviceWith({ name: '' }),
  'a name of 64 characters': deviceWith({ name: 'n'.repeat(64) }),
  'an address of CRLs with a path': deviceWith({ crlBaseUrl: 'http://pki.example.com/pki' }),
  'an address of CRLs with a slash at its end': deviceWith({ crlBaseUrl: 'http://pki.example.com/' }),
  'an address of CRLs that needs TLS': deviceWith({ crlBaseUrl: 'https://pki.example.com' }),
  'an address of CRLs in a root': rootWith({ crlBaseUrl: 'http://pki.example.com' }),
  'a validity in a text': deviceWith({ validityDays: '365' }),
  'a validity of no day': deviceWith({ validityDays: 0 }),
  'a validity of a negative number': deviceWith({ validityDays: -1 }),
  'a validity with a fraction': deviceWith({ validityDays: 1.5 }),
  'a validity beyond a hundred years': deviceWith({ validityDays: 36_501, maxValidityDays: 36_501 }),
  'a validity that is infinite': deviceWith({ validityDays: Number.POSITIVE_INFINITY }),
  'a validity that is not a number': deviceWith({ validityDays: Number.NaN }),
  'a longest validity below the usual': deviceWith({ validityDays: 100, maxValidityDays: 99 }),
  'a backdating into the future': deviceWith({ backdateHours: -1 }),
  'a backdating beyond a month': deviceWith({ backdateHours: 24 * 31 + 1 }),
  'a key usage with a CA’s right': deviceWith({
    keyUsage: { critical: true, bits: ['digitalSignature', 'cRLSign'] },
  }),
  'a key usage that does not exist': deviceWith({ keyUsage: { critical: true, bits: ['nonRepudiation'] } }),
  'an empty key usage': deviceWith({ keyUsage: { critical: true, bits: [] } }),
  'a key usage without criticality': deviceWith({ keyUsage: { bits: ['digitalSignature'] } }),
  'a purpose that does not exist': deviceWith({
    extendedKeyUsage: { critical: true, purposes: ['anyExtendedKeyUsage'] },
  }),
  'no purpose': deviceWith({ extendedKeyUsage: { critical: true, purposes: [] } }),
  'a purpose twice': deviceWith({
    extendedKeyUsage: { critical: true, purposes: ['clientAuth', 'clientAuth'] },
  }),
  'criticality in a text': deviceWith({ extendedKeyUsage: { critical: 'yes', purposes: ['clientAuth'] } }),
  'a granted purpose that does not exist': deviceWith({ grantPurposes: ['any'] }),
  'a granted name of another kind': deviceWith({ grantSubjectAltName: 'any' }),
  'an ignored extension that is none': deviceWith({ ignore: ['nameConstraints'] }),
  'a curve that we cannot verify': keys({ curves: ['secp256k1'] }),
  'RSA under 2048 bits': keys({ rsa: { minBits: 1024, maxBits: 4096 } }),
  'RSA over 8192 bits': keys({ rsa: { minBits: 2048, maxBits: 16_384 } }),
  'RSA from more bits than it goes to': keys({ rsa: { minBits: 4096, maxBits: 2048 } }),
  'no key at all': keys({ curves: [], rsa: null, ed25519: false }),
  'a country in full': deviceWith({ subject: { country: 'Germany' } }),
  'a country in small letters': deviceWith({ subject: { country: 'de' } }),
  'an empty organization': deviceWith({ subject: { organization: '' } }),
  'an organization of 65 characters': deviceWith({ subject: { organization: 'o'.repeat(65) } }),
  'an organization with U+0000': deviceWith({ subject: { organization: 'Acme\0' } }),
  'an organization with a lone surrogate': deviceWith({ subject: { organization: '\ud800' } }),
  'a common name of its own': deviceWith({ subject: { commonName: 'x' } }),
  'a CA without a key usage': rootWith({ keyUsage: null }),
  'a CA that may not sign certificates': rootWith({ keyUsage: { critical: true, bits: ['cRLSign'] } }),
  'a CA without basicConstraints': rootWith({ basicConstraints: null }),
  'a negative path length': rootWith({ basicConstraints: { critical: true, pathLength: -1 } }),
  'a path length beyond any chain': rootWith({ basicConstraints: { critical: true, pathLength: 9 } }),
  'a CA with rules for devices’ keys': rootWith({ keys: device.keys }),
};

describe('a profile', () => {
  for (const [what, input] of Object.entries(WRONG)) {
    it(`is not ${what}`, () => {
      expect(() => parseProfile(input)).toThrow(TypeError);
    });
  }

  it('comes out as it went in, with the lists that were left out', () => {
    expect(parseProfile(device)).toEqual(device);
    const { grantPurposes, grantSubjectAltName, ignore, subject, ...rest } = device;
    expect(parseProfile(rest)).toEqual({ ...rest, grantPurposes, grantSubjectAltName, ignore, subject });
  });

  it('says in its refusal every field that does not fit', () => {
    const wrong = deviceWith({ validityDays: 0, backdateHours: 'x' });
    expect(() => parseProfile(wrong)).toThrow(
      /validityDays[\s\S]*backdateHours|backdateHours[\s\S]*validityDays/,
    );
  });

  it('has another digest when any field of it differs', () => {
    const digest = (more: object) =>
      Buffer.from(profileDigest(parseProfile(deviceWith(more)) as DeviceProfile)).toString('hex');
    const digests = [
      {},
      { validityDays: 366 },
      { backdateHours: 23 },
      { keyUsage: null },
      { grantPurposes: ['serverAuth'] },
      { ignore: [] },
      { subject: { country: 'DE' } },
      { subject: { organization: 'DE' } },
    ].map(digest);
    expect(new Set(digests).size).toBe(digests.length);
  });
});

describe('a policy', () => {
  it('has the default profiles of every target, each of its kind', () => {
    const policy = createPolicy();
    for (const name of TARGETS) {
      const { defaultProfiles } = policy.target(name);
      expect(policy.authorityProfile(name, defaultProfiles.root)?.kind).toBe('root');
      expect(policy.authorityProfile(name, defaultProfiles.issuing)?.kind).toBe('issuing');
      expect(policy.authorityProfile(name, defaultProfiles.registration)?.kind).toBe('registration');
      expect(policy.deviceProfile(name, defaultProfiles.device)?.kind).toBe('device');
    }
  });

  it('knows no profile by a name of Object.prototype, and no target', () => {
    const policy = createPolicy();
    for (const name of ['__proto__', 'constructor', 'toString', '']) {
      expect(policy.deviceProfile('generic', name)).toBeUndefined();
      expect(policy.authorityProfile('generic', name)).toBeUndefined();
      expect(() => policy.target(name)).toThrow();
    }
  });

  it('gives no device profile for an authority, and the other way round', () => {
    const policy = createPolicy();
    expect(policy.deviceProfile('generic', 'fleet-root')).toBeUndefined();
    expect(policy.authorityProfile('generic', 'device')).toBeUndefined();
  });

  it('takes no name twice', () => {
    const own = parseProfile(deviceWith({}));
    expect(() => createPolicy([own, own])).toThrow(TypeError);
    for (const name of ['device', 'fleet-root', 'ota-connect-manual-root'])
      expect(() => createPolicy([parseProfile(deviceWith({ name }))])).toThrow(TypeError);
  });
});
