import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import { PkiError } from '../../src/errors.ts';
import { createPolicy, foldDeviceId, parseProfile, profileDigest, TARGETS } from '../../src/policy/index.ts';
import {
  encodeExtendedKeyUsage,
  encodeSubjectAltName,
  findExtension,
  readExtendedKeyUsage,
  readSubjectAltName,
} from '../../src/x509/index.ts';
import { makeCsr } from '../support/csr.ts';
import { decide } from '../support/decide.ts';

describe('device IDs', () => {
  it('that people or file systems confuse fold to the same', () => {
    const twins = [
      ['device-A', 'device-a'],
      ['straße', 'STRASSE'],
      ['ＡＢＣ', 'abc'],
      ['ΟΔΟΣ', 'οδος'],
      ['K1', 'K1'],
      ['ﬁn', 'FIN'],
    ] as const;
    for (const [one, other] of twins) expect(foldDeviceId(one)).toBe(foldDeviceId(other));
  });

  it('fold to what folds to itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 64 }), (id) => {
        const folded = foldDeviceId(id);
        expect(foldDeviceId(folded)).toBe(folded);
      }),
      { numRuns: 500, seed: 20 },
    );
  });

  it('on ota-ce are lower-case UUIDs and nothing else', () => {
    const id = '0f8fad5b-d9cb-469f-a165-70867728950e';
    expect(decide(makeCsr({ deviceId: id }), {}, 'ota-ce')).not.toBeInstanceOf(PkiError);
    for (const other of [id.toUpperCase(), 'WVWZZZ1JZXW000001', `${id}0`]) {
      expect(decide(makeCsr({ deviceId: other }), {}, 'ota-ce')).toMatchObject({ code: 'bad-device-id' });
    }
  });
});

describe('what a profile grants', () => {
  const [generic] = createPolicy()
    .target('generic')
    .profiles.filter(({ kind }) => kind === 'device');
  const own = {
    ...generic,
    name: 'gateway',
    grantPurposes: ['serverAuth'],
    grantSubjectAltName: 'device-id',
  };
  const policy = createPolicy([parseProfile(own)]);

  it('is offered for every target, and a built-in name cannot be taken', () => {
    for (const target of TARGETS)
      expect(policy.deviceProfile(target, 'gateway')?.grantPurposes).toEqual(['serverAuth']);
    expect(() => createPolicy([parseProfile({ ...own, name: 'device' })])).toThrow(/exists already/);
  });

  it('is left out, with a warning, where the profile only ignores it', () => {
    const extensions = [
      {
        oid: OID.extendedKeyUsage,
        critical: false,
        value: encodeExtendedKeyUsage(['clientAuth', 'serverAuth']),
      },
      { oid: OID.subjectAltName, critical: false, value: encodeSubjectAltName(['device-1']) },
    ];
    const grant = decide(makeCsr({ deviceId: 'device-1', extensions }));
    if (grant instanceof PkiError) throw grant;
    expect(grant.content.granted.purposes).toEqual([]);
    expect(grant.content.granted.subjectAltName).toBe('none');
    expect(grant.content.warnings).toHaveLength(2);
  });

  it('is validated when it is loaded, field by field', () => {
    for (const wrong of [
      { ...own, validityDays: 0 },
      { ...own, maxValidityDays: 1 },
      { ...own, keyUsage: { critical: true, bits: ['keyCertSign'] } },
      { ...own, keyUsage: { critical: true, bits: ['digitalSignatur'] } },
      { ...own, surprise: true },
      { ...own, name: '../device' },
      { ...own, keys: { curves: ['P-256'], rsa: { minBits: 1024, maxBits: 2048 }, ed25519: false } },
    ]) {
      expect(() => parseProfile(wrong)).toThrow(TypeError);
    }
  });

  it('has a digest that does not depend on the order of its fields', () => {
    const reversed = Object.fromEntries(Object.entries(own).reverse());
    expect(profileDigest(parseProfile(reversed))).toEqual(profileDigest(parseProfile(own)));
    expect(profileDigest(parseProfile({ ...own, validityDays: 366 }))).not.toEqual(
      profileDigest(parseProfile(own)),
    );
  });

  it('shows in the certificate in no other way than granted', () => {
    // The encoders used above read back as what they were given.
    const usage = findExtension(
      { extensions: [{ oid: 'x', critical: false, value: encodeExtendedKeyUsage(['serverAuth']) }] },
      'x',
    );
    expect(usage && readExtendedKeyUsage(usage)).toEqual([OID.serverAuth]);
    const names = {
      oid: 'x',
      critical: false,
      value: encodeSubjectAltName(['a.example', Buffer.from([127, 0, 0, 1])]),
    };
    expect(readSubjectAltName(names).map(({ tag, text }) => [tag, text])).toEqual([
      [2, 'a.example'],
      [7, undefined],
    ]);
  });
});
