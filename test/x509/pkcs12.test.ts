import { createPrivateKey } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  DerReader,
  elementBytes,
  encodeElement,
  encodeOctetString,
  encodeSequence,
  encodeSmallInteger,
  readElement,
} from '../../src/asn1/index.ts';
import {
  encodePkcs12,
  type Pkcs12Contents,
  type Pkcs12Protection,
  parsePkcs12,
} from '../../src/x509/index.ts';
import { makeKey, type TestKeyKind } from '../support/csr.ts';
import { seededRandom } from '../support/fixed.ts';
import { hierarchy } from '../support/hierarchy.ts';
import { codeOf, refusalOf } from '../support/refusal.ts';

const now = new Date('2026-08-01T00:00:00Z');
const pkcs8Of = (pem: string): Uint8Array => createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
const PROTECTIONS: readonly Pkcs12Protection[] = ['pbe-sha1-3des', 'pbes2-aes256'];

let contents: Pkcs12Contents;
/** A certificate of another key, and one of a CA. */
let others: readonly Uint8Array[];

beforeAll(async () => {
  const made = hierarchy(now);
  const root = await made.authority('generic', 'fleet-root', 'root');
  const key = makeKey();
  const leaf = await made.device(root, 'dev-1', key);
  const other = await made.device(root, 'dev-2', makeKey());
  contents = {
    privateKey: pkcs8Of(key.pkcs8Pem),
    certificates: [leaf, root.certificate.der],
    friendlyName: 'dev-1',
  };
  others = [other, root.certificate.der];
});

const encode = (
  what: Pkcs12Contents = contents,
  passphrase = '',
  protection: Pkcs12Protection = 'pbe-sha1-3des',
): Uint8Array => encodePkcs12(what, { passphrase, protection, random: seededRandom('p12') });

const hex = (octets: Uint8Array | null | undefined): string => Buffer.from(octets ?? []).toString('hex');

describe.each(PROTECTIONS)('a PKCS#12 file under %s', (protection) => {
  const schemes = protection === 'pbe-sha1-3des' ? ['hmac-sha1', protection] : ['hmac-sha256', protection];

  it('gives back what it was given, whatever the passphrase and the name', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 24 });
    fc.assert(
      fc.property(text, fc.option(text), fc.boolean(), (passphrase, friendlyName, keyToo) => {
        const given = { ...contents, friendlyName, privateKey: keyToo ? contents.privateKey : null };
        expect(parsePkcs12(encode(given, passphrase, protection), passphrase)).toEqual({
          ...given,
          privateKey: given.privateKey && Buffer.from(given.privateKey),
          certificates: given.certificates.map((der) => Buffer.from(der)),
          schemes,
        });
      }),
      { numRuns: 6 },
    );
  });

  it.each<TestKeyKind>(['P-384', 'P-521', 'rsa-2048', 'ed25519'])('holds a key of %s', (kind) => {
    const privateKey = pkcs8Of(makeKey(kind).pkcs8Pem);
    const opened = parsePkcs12(
      encode({ privateKey, certificates: [], friendlyName: null }, 'x', protection),
      'x',
    );
    expect(hex(opened.privateKey)).toBe(hex(privateKey));
    expect(opened.certificates).toEqual([]);
  });

  it('is the same octets where chance is the same', () => {
    expect(hex(encode(contents, 'x', protection))).toBe(hex(encode(contents, 'x', protection)));
  });

  it('shows nothing of key, certificates or passphrase', () => {
    const file = hex(encode(contents, 'passphrase', protection));
    expect(file).not.toContain(hex(contents.privateKey).slice(-40));
    expect(file).not.toContain(hex(contents.certificates[0]).slice(-40));
    expect(file).not.toContain(hex(Buffer.from('passphrase')));
  });

  it('opens with its passphrase alone, which no message repeats', () => {
    const refusal = refusalOf(() => parsePkcs12(encode(contents, 'right one', protection), 'wrong one'));
    expect(refusal?.code).toBe('bad-pkcs12');
    expect(refusal?.message).not.toMatch(/right one|wrong one/);
    expect(codeOf(() => parsePkcs12(encode(contents, 'right', protection), ''))).toBe('bad-pkcs12');
  });
});

describe("the key's own certificate", () => {
  it('comes first, wherever it stood; the others keep their order', () => {
    const [own = new Uint8Array(), root = new Uint8Array()] = contents.certificates;
    const given = { ...contents, certificates: [...others, own] };
    expect(parsePkcs12(encode(given), '').certificates.map(hex)).toEqual([own, others[0], root].map(hex));
  });

  it('is the one that was bound to it where none is of its key: that is for others to judge', () => {
    const opened = parsePkcs12(encode({ ...contents, certificates: others }), '');
    expect(opened.certificates.map(hex)).toEqual(others.map(hex));
  });
});

/** The elements of the outer SEQUENCE. */
function parts(der: Uint8Array): readonly Uint8Array[] {
  const reader = DerReader.inside(readElement(der));
  const found: Uint8Array[] = [];
  while (!reader.atEnd) found.push(elementBytes(reader.any()));
  return found;
}

/** The file with another MacData, from its elements. */
function withMac(
  file: Uint8Array,
  change: (mac: readonly Uint8Array[]) => readonly Uint8Array[],
): Uint8Array {
  const [version, safe, mac] = parts(file) as [Uint8Array, Uint8Array, Uint8Array];
  return encodeSequence(version, safe, encodeSequence(...change(parts(mac))));
}

describe('a hostile or broken PKCS#12 file is refused as bad-pkcs12:', () => {
  const refused = (file: Uint8Array, passphrase = ''): string => codeOf(() => parsePkcs12(file, passphrase));

  it('cut off anywhere, or with octets after it', () => {
    const file = encode();
    for (let length = 0; length < file.length; length += 7)
      expect(refused(file.subarray(0, length))).toBe('bad-pkcs12');
    expect(refused(Buffer.concat([file, Buffer.of(0)]))).toBe('bad-pkcs12');
  });

  it('with a flipped bit anywhere', () => {
    const file = encode();
    const outcomes = fc.sample(fc.nat({ max: file.length * 8 - 1 }), 60).map((bit) => {
      const flipped = Buffer.from(file);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return refused(flipped);
    });
    expect(new Set(outcomes)).toEqual(new Set(['bad-pkcs12']));
  });

  it('with iterations that would never end, at once', () => {
    for (const count of [0, 5_000_001, 2 ** 31, 2 ** 52]) {
      const file = withMac(
        encode(),
        ([info, salt]) => [info, salt, encodeSmallInteger(count)] as Uint8Array[],
      );
      const before = performance.now();
      expect(refused(file)).toBe('bad-pkcs12');
      expect(performance.now() - before).toBeLessThan(1000);
    }
  });

  it('of over a mebibyte', () => {
    expect(refused(new Uint8Array(1024 * 1024 + 1))).toBe('bad-pkcs12');
  });

  it('that is something else: a certificate, a key, a random octet string, of another version', () => {
    const [version, ...rest] = parts(encode());
    expect(version).toBeDefined();
    const stranger = encodeSequence(encodeSmallInteger(4), ...rest);
    const [leaf = new Uint8Array()] = contents.certificates;
    const all = [leaf, contents.privateKey ?? leaf, encodeOctetString(leaf), stranger];
    for (const file of all) expect(refused(file)).toBe('bad-pkcs12');
  });

  it('whose certificate is none', () => {
    expect(refused(encode({ ...contents, certificates: [encodeSequence()] }))).toBe('bad-pkcs12');
  });

  it('whose key is none, or followed by something', () => {
    for (const privateKey of [
      encodeSequence(),
      Buffer.concat([contents.privateKey ?? Buffer.alloc(0), Buffer.of(5, 0)]),
    ]) {
      expect(refused(encode({ ...contents, privateKey }))).toBe('bad-pkcs12');
    }
  });
});

describe('a file in BER, as Bouncy Castle makes it', () => {
  /** Outer structure and content in indefinite lengths, the content in two pieces. */
  function asBer(file: Uint8Array): Uint8Array {
    const [version, safe, mac] = parts(file) as [Uint8Array, Uint8Array, Uint8Array];
    const [type, wrapped] = parts(safe) as [Uint8Array, Uint8Array];
    const [content] = parts(wrapped) as [Uint8Array];
    const element = readElement(content);
    const octets = content.subarray(element.contentStart);
    const end = Buffer.of(0, 0);
    const pieces = [octets.subarray(0, 100), octets.subarray(100)].map(encodeOctetString);
    const indefinite = (tag: number, ...inner: readonly Uint8Array[]): Uint8Array =>
      Buffer.concat([Buffer.of(tag, 0x80), ...inner, end]);
    return indefinite(
      0x30,
      version,
      indefinite(0x30, type, indefinite(0xa0, indefinite(0x24, ...pieces))),
      mac,
    );
  }

  it('opens as the same in DER', () => {
    expect(parsePkcs12(asBer(encode()), '')).toEqual(parsePkcs12(encode(), ''));
  });

  it('is refused where it is cut off', () => {
    const file = asBer(encode());
    expect(codeOf(() => parsePkcs12(file.subarray(0, -1), ''))).toBe('bad-pkcs12');
    expect(codeOf(() => parsePkcs12(encodeElement(0x30, file), ''))).toBe('bad-pkcs12');
  });
});
