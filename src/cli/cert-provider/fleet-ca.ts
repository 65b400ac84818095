import { createPrivateKey, type KeyObject } from 'node:crypto';
import { OID } from '../../asn1/index.ts';
import { PkiError } from '../../errors.ts';
import type { Issuer } from '../../policy/index.ts';
import {
  type Certificate,
  findExtension,
  isPrivateKeyEncrypted,
  isSelfIssued,
  isSignedBy,
  type PrivateKey,
  parseCertificates,
  parsePrivateKey,
  readBasicConstraints,
  readKeyUsage,
  signatureAlgorithmFor,
} from '../../x509/index.ts';

/** A fleet CA with its key at hand, checked to be able to sign for devices. */
export interface FleetCa {
  readonly issuer: Issuer;
  readonly key: KeyObject;
  /** The issuer, then what stands above it in its file; the root last, if it is there. */
  readonly chain: readonly Certificate[];
}

export interface FleetCaFiles {
  /** The CA's certificate, PEM; then those above it, if any. */
  readonly certificates: string;
  /** PKCS#8, PKCS#1 or SEC1, PEM. */
  readonly privateKey: string;
  readonly passphrase: string | undefined;
}

function refuse(message: string): never {
  throw new PkiError('bad-ca-certificate', message);
}

function verifyIsCa(certificate: Certificate): void {
  const constraints = findExtension(certificate, OID.basicConstraints);
  if (!constraints || !readBasicConstraints(constraints).ca)
    refuse("The fleet CA's certificate is not a CA's (basicConstraints CA:TRUE).");
  const usage = findExtension(certificate, OID.keyUsage);
  if (usage && !readKeyUsage(usage).includes('keyCertSign'))
    refuse("The fleet CA's certificate may not sign others (keyUsage keyCertSign).");
  if (certificate.subject.rdns.length === 0)
    refuse('The fleet CA has an empty subject: a certificate could not name its issuer.');
}

function verifyAlive({ notBefore, notAfter }: Certificate, now: Date): void {
  if (notAfter <= now) refuse(`The fleet CA's certificate expired on ${notAfter.toISOString()}.`);
  if (notBefore > now) refuse(`The fleet CA's certificate is not valid before ${notBefore.toISOString()}.`);
}

function verifyOrder(chain: readonly Certificate[]): void {
  chain.forEach((certificate, at) => {
    const above = chain[at + 1];
    if (above && !isSignedBy(certificate, above)) {
      refuse(
        `The fleet CA's file is out of order: certificate ${at + 1} is not signed by the one after it. The CA that signs devices comes first, each followed by its issuer.`,
      );
    }
  });
}

function readKey({ privateKey, passphrase }: FleetCaFiles): PrivateKey {
  if (passphrase === undefined && isPrivateKeyEncrypted(privateKey)) {
    throw new PkiError(
      'bad-pem',
      "The fleet CA's key is encrypted: --passphrase-file names the file whose first line opens it.",
    );
  }
  return parsePrivateKey(privateKey, passphrase);
}

/** Certificates of CAs; the readers of extensions serve requests as well, and call a fault there `bad-csr`. */
function readChain(pem: string, now: Date): readonly Certificate[] {
  try {
    const chain = parseCertificates(pem);
    const [own] = chain as readonly [Certificate];
    verifyIsCa(own);
    verifyAlive(own, now);
    verifyOrder(chain);
    return chain;
  } catch (cause) {
    if (!(cause instanceof PkiError) || cause.code !== 'bad-csr') throw cause;
    throw new PkiError('bad-ca-certificate', cause.message, { cause });
  }
}

/**
 * Reads a fleet CA. Refuses `bad-ca-certificate` where it could not sign for devices, or where the key is
 * another's; `bad-pem`, `bad-der`, `bad-key` and the like for what cannot be read.
 */
export function readFleetCa(files: FleetCaFiles, now: Date): FleetCa {
  const chain = readChain(files.certificates, now);
  const [certificate] = chain as readonly [Certificate];
  const { pkcs8, publicKey } = readKey(files);
  if (Buffer.compare(publicKey.digest, certificate.publicKey.digest) !== 0)
    refuse("The private key is not the key of the fleet CA's certificate.");
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  const algorithm = signatureAlgorithmFor(publicKey.key);
  return { issuer: { generationId: 0, certificate, algorithm }, key, chain };
}

/** What goes into client.pem after the leaf: gateways know the root, and need all that is between. */
export const intermediatesOf = ({ chain }: FleetCa): readonly Certificate[] =>
  chain.filter((certificate) => !isSelfIssued(certificate));
