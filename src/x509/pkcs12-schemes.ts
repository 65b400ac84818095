import { createDecipheriv, createHmac, pbkdf2Sync } from 'node:crypto';
import {
  contentBytes,
  type DerReader,
  type Element,
  OID,
  oidName,
  readNull,
  readUnsigned,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import {
  DIGEST_OCTETS,
  derivePkcs12Key,
  encodePkcs12Passphrase,
  type Pkcs12Digest,
  pkcs12Rounds,
} from './pkcs12-kdf.ts';
import { decryptRc2 } from './rc2.ts';

export const badPkcs12 = (message: string, cause?: unknown): PkiError =>
  new PkiError('bad-pkcs12', message, { cause });

const refuse = (message: string): never => {
  throw badPkcs12(message);
};

/** A passphrase in both forms that its users take. */
export interface Passphrase {
  /** For PBKDF2. */
  readonly utf8: Uint8Array;
  /** For the derivation of PKCS#12 itself. */
  readonly bmp: Uint8Array;
}

/**
 * The forms that a passphrase may have been used in. Of an empty one there are two: a terminating zero
 * alone, and, by tools that take it for no passphrase at all, nothing.
 */
export function passphraseForms(passphrase: string): readonly Passphrase[] {
  const utf8 = Buffer.from(passphrase, 'utf8');
  const forms = [{ utf8, bmp: encodePkcs12Passphrase(passphrase) }];
  return passphrase === '' ? [...forms, { utf8, bmp: new Uint8Array(0) }] : forms;
}

/**
 * Most rounds of hashing for one file. The most expensive that are known are those of GnuTLS under triple
 * DES: 600,000 for the MAC, and three times as many for each of two bags. It takes some seconds, on the
 * machine of whoever opens the file: the service opens none.
 */
const MOST_ROUNDS = 5_000_000;

/** What opening a file may cost: its iterations are its maker's to say, and might never end. */
export class Work {
  #left = MOST_ROUNDS;

  spend(rounds: number): void {
    this.#left -= rounds;
    if (this.#left < 0) refuse('The PKCS#12 file demands more iterations than are done for one.');
  }
}

function readIterations(element: Element | undefined): number {
  // RFC 7292, 4: the default is 1.
  if (element === undefined) return 1;
  const iterations = readUnsigned(element);
  if (iterations < 1n) refuse('The PKCS#12 file says zero iterations.');
  return Number(iterations);
}

/** Opened with a key that a scheme derives; undefined where the padding does not fit. */
type Decrypt = (passphrase: Passphrase, work: Work, encrypted: Uint8Array) => Uint8Array | undefined;

interface OpenScheme {
  readonly name: string;
  readonly decrypt: Decrypt;
}

function decipher(
  cipher: string,
  key: Uint8Array,
  iv: Uint8Array,
  encrypted: Uint8Array,
): Uint8Array | undefined {
  const stream = createDecipheriv(cipher, key, iv);
  try {
    return Buffer.concat([stream.update(encrypted), stream.final()]);
  } catch {
    return undefined;
  }
}

const decryptTripleDes = (key: Uint8Array, iv: Uint8Array, encrypted: Uint8Array): Uint8Array | undefined =>
  // Of two keys the first is the third.
  decipher('des-ede3-cbc', key.length === 24 ? key : Buffer.concat([key, key.subarray(0, 8)]), iv, encrypted);

/** The schemes of RFC 7292, C: SHA-1, and an IV of eight octets. */
const PBE_SHA1: ReadonlyMap<string, { name: string; keyOctets: number; decrypt: typeof decryptRc2 }> =
  new Map([
    [OID.pbeWithShaAnd3KeyTripleDes, { name: 'pbe-sha1-3des', keyOctets: 24, decrypt: decryptTripleDes }],
    [
      OID.pbeWithShaAnd2KeyTripleDes,
      { name: 'pbe-sha1-2key-3des', keyOctets: 16, decrypt: decryptTripleDes },
    ],
    [OID.pbeWithShaAnd128BitRc2, { name: 'pbe-sha1-rc2-128', keyOctets: 16, decrypt: decryptRc2 }],
    [OID.pbeWithShaAnd40BitRc2, { name: 'pbe-sha1-rc2-40', keyOctets: 5, decrypt: decryptRc2 }],
  ]);

function readPbeSha1(oid: string, reader: DerReader): OpenScheme | undefined {
  const scheme = PBE_SHA1.get(oid);
  if (scheme === undefined) return undefined;
  const parameters = reader.sequence('the parameters of the encryption');
  const salt = contentBytes(parameters.expect(TAG.octetString, 'the salt'));
  const iterations = readIterations(parameters.expect(TAG.integer, 'the iterations'));
  parameters.end('the parameters of the encryption');
  return {
    name: scheme.name,
    decrypt: ({ bmp }, work, encrypted) => {
      const common = { digest: 'sha1', passphrase: bmp, salt, iterations } as const;
      const wishes = [
        { ...common, purpose: 'key', length: scheme.keyOctets },
        { ...common, purpose: 'iv', length: 8 },
      ] as const;
      for (const wish of wishes) work.spend(pkcs12Rounds(wish));
      const [key, iv] = wishes.map(derivePkcs12Key) as [Uint8Array, Uint8Array];
      return scheme.decrypt(key, iv, encrypted);
    },
  };
}

const HMACS: ReadonlyMap<string, Pkcs12Digest> = new Map([
  [OID.hmacWithSha1, 'sha1'],
  [OID.hmacWithSha224, 'sha224'],
  [OID.hmacWithSha256, 'sha256'],
  [OID.hmacWithSha384, 'sha384'],
  [OID.hmacWithSha512, 'sha512'],
]);

/** AlgorithmIdentifier whose parameters are NULL or absent. */
function readBare(reader: DerReader, what: string): string {
  const algorithm = reader.sequence(what);
  const oid = algorithm.oid(what);
  if (!algorithm.atEnd) readNull(algorithm.any());
  algorithm.end(what);
  return oid;
}

function readHmac(reader: DerReader): Pkcs12Digest {
  const oid = readBare(reader, 'the pseudo-random function');
  return HMACS.get(oid) ?? refuse(`The PKCS#12 file uses a function that is not known: ${oidName(oid)}.`);
}

interface Pbkdf2 {
  /** As it stands in the file; undefined where it says none. */
  readonly keyLength: bigint | undefined;
  readonly derive: (passphrase: Passphrase, work: Work, length: number) => Uint8Array;
}

/** PBKDF2 (RFC 8018, A.2), as an AlgorithmIdentifier. */
function readPbkdf2(reader: DerReader): Pbkdf2 {
  const algorithm = reader.sequence('the key derivation');
  const oid = algorithm.oid('the key derivation');
  if (oid !== OID.pbkdf2)
    refuse(`The PKCS#12 file derives keys in a way that is not known: ${oidName(oid)}.`);
  const parameters = algorithm.sequence('the parameters of PBKDF2');
  algorithm.end('the key derivation');
  const salt = contentBytes(parameters.expect(TAG.octetString, 'the salt'));
  const iterations = readIterations(parameters.expect(TAG.integer, 'the iterations'));
  const keyLength = parameters.optional(TAG.integer);
  const prf = parameters.atEnd ? 'sha1' : readHmac(parameters);
  parameters.end('the parameters of PBKDF2');
  return {
    keyLength: keyLength && readUnsigned(keyLength),
    derive: ({ utf8 }, work, length) => {
      work.spend(pkcs12Rounds({ digest: prf, iterations, length }));
      return pbkdf2Sync(utf8, salt, iterations, length, prf);
    },
  };
}

const PBES2_CIPHERS: ReadonlyMap<string, { name: string; keyOctets: number; cipher: string }> = new Map([
  [OID.aes128Cbc, { name: 'pbes2-aes128', keyOctets: 16, cipher: 'aes-128-cbc' }],
  [OID.aes192Cbc, { name: 'pbes2-aes192', keyOctets: 24, cipher: 'aes-192-cbc' }],
  [OID.aes256Cbc, { name: 'pbes2-aes256', keyOctets: 32, cipher: 'aes-256-cbc' }],
  [OID.desEde3Cbc, { name: 'pbes2-3des', keyOctets: 24, cipher: 'des-ede3-cbc' }],
]);

function readPbes2(reader: DerReader): OpenScheme {
  const parameters = reader.sequence('the parameters of PBES2');
  const { derive, keyLength } = readPbkdf2(parameters);
  const scheme = parameters.sequence('the cipher');
  parameters.end('the parameters of PBES2');
  const oid = scheme.oid('the cipher');
  const known =
    PBES2_CIPHERS.get(oid) ?? refuse(`The PKCS#12 file uses a cipher that is not known: ${oidName(oid)}.`);
  const iv = contentBytes(scheme.expect(TAG.octetString, 'the IV'));
  scheme.end('the cipher');
  if (iv.length !== (known.cipher === 'des-ede3-cbc' ? 8 : 16))
    refuse('The PKCS#12 file has an IV of a wrong length.');
  if (keyLength !== undefined && keyLength !== BigInt(known.keyOctets))
    refuse('The PKCS#12 file gives a key another length than its cipher has.');
  return {
    name: known.name,
    decrypt: (passphrase, work, encrypted) =>
      decipher(known.cipher, derive(passphrase, work, known.keyOctets), iv, encrypted),
  };
}

/** How something is encrypted, from its AlgorithmIdentifier. Refuses `bad-pkcs12` what is not known. */
export function readScheme(algorithm: DerReader): OpenScheme {
  const oid = algorithm.oid('the encryption');
  const scheme = readPbeSha1(oid, algorithm) ?? (oid === OID.pbes2 ? readPbes2(algorithm) : undefined);
  algorithm.end('the encryption');
  return scheme ?? refuse(`The PKCS#12 file is encrypted in a way that is not known: ${oidName(oid)}.`);
}

const DIGESTS: ReadonlyMap<string, Pkcs12Digest> = new Map([
  [OID.sha1, 'sha1'],
  [OID.sha224, 'sha224'],
  [OID.sha256, 'sha256'],
  [OID.sha384, 'sha384'],
  [OID.sha512, 'sha512'],
]);

interface OpenMac {
  readonly name: string;
  readonly expected: Uint8Array;
  compute(passphrase: Passphrase, work: Work, octets: Uint8Array): Uint8Array;
}

type MacKey = (passphrase: Passphrase, work: Work) => Uint8Array;

const macOf =
  (digest: Pkcs12Digest, derive: MacKey): OpenMac['compute'] =>
  (passphrase, work, octets) =>
    createHmac(digest, derive(passphrase, work)).update(octets).digest();

/**
 * Octets of a key of PBMAC1: as its digest has by custom, from SHA-1's to SHA-512's. A shorter one could be
 * chosen so that any passphrase fits.
 */
const MAC_KEY_OCTETS = { least: 20n, most: 64n } as const;

/**
 * PBMAC1 (RFC 9579): its key comes from PBKDF2, and what MacData says beside it has no meaning. The length
 * of that key must be told (A.6 is the RFC's example of a file to refuse).
 */
function readPbmac1(algorithm: DerReader): Omit<OpenMac, 'expected'> {
  const parameters = algorithm.sequence('the parameters of PBMAC1');
  const { derive, keyLength } = readPbkdf2(parameters);
  const digest = readHmac(parameters);
  parameters.end('the parameters of PBMAC1');
  if (keyLength === undefined || keyLength < MAC_KEY_OCTETS.least || keyLength > MAC_KEY_OCTETS.most)
    return refuse('The PKCS#12 file has a PBMAC1 without a key length, or with an odd one.');
  const length = Number(keyLength);
  const compute = macOf(digest, (passphrase, work) => derive(passphrase, work, length));
  return { name: `pbmac1-${digest}`, compute };
}

/** MacData (RFC 7292, 4). */
export function readMac(macData: DerReader): OpenMac {
  const info = macData.sequence('the MAC');
  const algorithm = info.sequence("the MAC's algorithm");
  const expected = contentBytes(info.expect(TAG.octetString, 'the MAC'));
  info.end('the MAC');
  const salt = contentBytes(macData.expect(TAG.octetString, "the MAC's salt"));
  const iterations = readIterations(macData.optional(TAG.integer));
  macData.end('the MAC');
  const oid = algorithm.oid("the MAC's algorithm");
  if (oid === OID.pbmac1) {
    const mac = readPbmac1(algorithm);
    algorithm.end("the MAC's algorithm");
    return { ...mac, expected };
  }
  if (!algorithm.atEnd) readNull(algorithm.any());
  algorithm.end("the MAC's algorithm");
  const digest = DIGESTS.get(oid) ?? refuse(`The PKCS#12 file has a MAC that is not known: ${oidName(oid)}.`);
  const compute = macOf(digest, ({ bmp }, work) => {
    const wish = {
      digest,
      purpose: 'mac',
      passphrase: bmp,
      salt,
      iterations,
      length: DIGEST_OCTETS[digest],
    } as const;
    work.spend(pkcs12Rounds(wish));
    return derivePkcs12Key(wish);
  });
  return { name: `hmac-${digest}`, expected, compute };
}
