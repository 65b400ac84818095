import { describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import {
  assembleCertificate,
  type Certificate,
  checkChain,
  type Extension,
  encodeBasicConstraints,
  encodeExtendedKeyUsage,
  encodeKeyUsage,
  encodeName,
  encodeTbs,
  isSelfIssued,
  isSignedBy,
  type KeyUsage,
  type Purpose,
  parseCertificate,
} from '../../src/x509/index.ts';
import { makeKey, type TestKey } from '../support/csr.ts';
import { signWith } from '../support/sign.ts';

const keys = {
  root: makeKey(),
  issuing: makeKey('P-384'),
  leaf: makeKey(),
  other: makeKey(),
  ed25519: makeKey('ed25519'),
};
const at = new Date('2026-06-01T12:00:00Z');

interface Wish {
  readonly subject: string;
  readonly issuer: string;
  readonly key: TestKey;
  readonly by: TestKey;
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly extensions: readonly Extension[];
}

function make({
  subject,
  issuer,
  key,
  by,
  notBefore = '2026-01-01',
  notAfter = '2027-01-01',
  extensions,
}: Wish): Certificate {
  const name = (value: string) => encodeName([{ type: OID.commonName, value }]);
  const tbs = encodeTbs({
    serial: Buffer.alloc(16, 0x42),
    algorithm: by.algorithm,
    issuer: name(issuer),
    notBefore: new Date(`${notBefore}T00:00:00Z`),
    notAfter: new Date(`${notAfter}T00:00:00Z`),
    subject: name(subject),
    publicKey: key.spki,
    extensions,
  });
  return parseCertificate(assembleCertificate(tbs, by.algorithm, signWith(by, tbs)));
}

const constraints = (ca: boolean, pathLength: number | null = null): Extension => ({
  oid: OID.basicConstraints,
  critical: true,
  value: encodeBasicConstraints({ ca, pathLength }),
});
const usage = (...bits: KeyUsage[]): Extension => ({
  oid: OID.keyUsage,
  critical: true,
  value: encodeKeyUsage(bits),
});
const purpose = (...purposes: Purpose[]): Extension => ({
  oid: OID.extendedKeyUsage,
  critical: true,
  value: encodeExtendedKeyUsage(purposes),
});
const anyPurpose: Extension = {
  oid: OID.extendedKeyUsage,
  critical: false,
  value: Buffer.from('30060604551d2500', 'hex'),
};

const CA = [constraints(true), usage('keyCertSign')];
const root = (more: Partial<Wish> = {}) =>
  make({ subject: 'root', issuer: 'root', key: keys.root, by: keys.root, extensions: CA, ...more });
const issuing = (more: Partial<Wish> = {}) =>
  make({ subject: 'issuing', issuer: 'root', key: keys.issuing, by: keys.root, extensions: CA, ...more });
const leaf = (more: Partial<Wish> = {}) =>
  make({
    subject: 'device-1',
    issuer: 'issuing',
    key: keys.leaf,
    by: keys.issuing,
    extensions: [usage('digitalSignature'), purpose('clientAuth')],
    ...more,
  });

/** Which certificates of the chain have a fault, counted from 1. */
const faulty = (chain: readonly Certificate[], wanted: Purpose = 'clientAuth', when = at): number[] =>
  checkChain(chain, wanted, when).map((fault) => Number(/certificate (\d+)/.exec(fault)?.[1]));

describe('a chain', () => {
  it('of leaf, issuer and root holds, and so does a leaf straight under the root', () => {
    expect(faulty([leaf(), issuing(), root()])).toEqual([]);
    expect(faulty([leaf({ issuer: 'root', by: keys.root }), root()])).toEqual([]);
  });

  it('of nothing does not hold', () => {
    expect(checkChain([], 'clientAuth', at)).toHaveLength(1);
  });

  it('holds from the first second of the youngest certificate to the last of the oldest', () => {
    const chain = [leaf({ notBefore: '2026-05-01', notAfter: '2026-07-01' }), issuing(), root()];
    expect(faulty(chain, 'clientAuth', new Date('2026-05-01T00:00:00Z'))).toEqual([]);
    expect(faulty(chain, 'clientAuth', new Date('2026-07-01T00:00:00Z'))).toEqual([]);
    expect(faulty(chain, 'clientAuth', new Date('2026-04-30T23:59:59Z'))).toEqual([1]);
    expect(faulty(chain, 'clientAuth', new Date('2026-07-01T00:00:01Z'))).toEqual([1]);
    expect(faulty(chain, 'clientAuth', new Date('2028-01-01T00:00:00Z'))).toEqual([1, 2, 3]);
  });

  it('in the wrong order, with a link missing, or with a stranger for its anchor does not hold', () => {
    expect(faulty([issuing(), leaf(), root()])).not.toEqual([]);
    expect(faulty([leaf(), root()])).toEqual([1]);
    expect(faulty([leaf(), issuing()])).toEqual([2]);
    expect(faulty([leaf(), issuing(), root({ key: keys.other, by: keys.other })])).toEqual([2]);
  });

  it('with a signature by another key, of the same kind or another, does not hold', () => {
    expect(faulty([leaf({ by: keys.leaf }), issuing(), root()])).toEqual([1]);
    expect(faulty([leaf({ by: keys.ed25519 }), issuing(), root()])).toEqual([1]);
    expect(faulty([leaf(), issuing({ by: keys.other }), root()])).toEqual([2]);
  });

  it('with a flipped bit in a signed field does not hold', () => {
    const good = leaf();
    const octets = Uint8Array.from(good.der);
    const place = Buffer.from(octets).indexOf('device-1');
    octets[place] = (octets[place] ?? 0) ^ 1;
    expect(faulty([parseCertificate(octets), issuing(), root()])).toEqual([1]);
  });

  it('over a certificate that is no CA, or may not sign, or has no basicConstraints does not hold', () => {
    for (const extensions of [
      [constraints(false), usage('keyCertSign')],
      [usage('keyCertSign')],
      [constraints(true), usage('digitalSignature', 'cRLSign')],
      [],
    ]) {
      expect(faulty([leaf(), issuing({ extensions }), root()])).toEqual([2]);
      expect(faulty([leaf(), issuing(), root({ extensions })])).toEqual([3]);
    }
    expect(faulty([leaf(), issuing({ extensions: [constraints(true)] }), root()])).toEqual([]);
  });

  it('longer than a path length allows does not hold', () => {
    const of = (length: number) => [constraints(true, length), usage('keyCertSign')];
    expect(faulty([leaf(), issuing({ extensions: of(0) }), root({ extensions: of(1) })])).toEqual([]);
    expect(faulty([leaf(), issuing(), root({ extensions: of(0) })])).toEqual([3]);
    const sub = make({
      subject: 'sub',
      issuer: 'issuing',
      key: keys.other,
      by: keys.issuing,
      extensions: CA,
    });
    const below = leaf({ issuer: 'sub', by: keys.other });
    expect(faulty([below, sub, issuing({ extensions: of(0) }), root({ extensions: of(1) })])).toEqual([3, 4]);
    expect(faulty([below, sub, issuing({ extensions: of(1) }), root({ extensions: of(2) })])).toEqual([]);
  });

  it('whose leaf, CA or anchor is for another purpose does not hold; for any purpose, or none said, it does', () => {
    expect(faulty([leaf(), issuing(), root()], 'serverAuth')).toEqual([1]);
    expect(faulty([leaf(), issuing({ extensions: [...CA, purpose('serverAuth')] }), root()])).toEqual([2]);
    expect(faulty([leaf(), issuing(), root({ extensions: [...CA, purpose('serverAuth')] })])).toEqual([3]);
    expect(faulty([leaf({ extensions: [anyPurpose] }), issuing(), root()])).toEqual([]);
    expect(faulty([leaf({ extensions: [] }), issuing(), root()])).toEqual([]);
  });

  it('whose leaf may sign nothing in a handshake does not hold', () => {
    for (const bits of [['keyEncipherment'], ['contentCommitment', 'dataEncipherment']] as KeyUsage[][]) {
      expect(faulty([leaf({ extensions: [usage(...bits)] }), issuing(), root()])).toEqual([1]);
    }
    expect(faulty([leaf({ extensions: [usage('keyAgreement')] }), issuing(), root()])).toEqual([]);
    expect(
      faulty([leaf({ extensions: [usage('keyEncipherment')] }), issuing(), root()], 'serverAuth'),
    ).toEqual([]);
  });

  it('with a critical extension that nobody judged does not hold; one that is not critical passes', () => {
    const odd = (critical: boolean): Extension => ({
      oid: OID.nameConstraints,
      critical,
      value: Buffer.from('3000', 'hex'),
    });
    expect(faulty([leaf(), issuing({ extensions: [...CA, odd(true)] }), root()])).toEqual([2]);
    expect(faulty([leaf(), issuing({ extensions: [...CA, odd(false)] }), root()])).toEqual([]);
  });
});

describe('a certificate', () => {
  it('is self-issued by its names, and signed by a key whatever the names', () => {
    expect(isSelfIssued(root())).toBe(true);
    expect(isSelfIssued(issuing())).toBe(false);
    expect(isSignedBy(issuing(), root())).toBe(true);
    expect(isSignedBy(issuing({ issuer: 'nobody' }), root())).toBe(true);
    expect(isSignedBy(root(), issuing())).toBe(false);
  });
});
