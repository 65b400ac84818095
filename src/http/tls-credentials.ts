import { createPrivateKey, generateKeyPair, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { parsePem } from '../asn1/index.ts';
import type { Random } from '../random.ts';
import { encodeCertificatePem } from '../x509/index.ts';
import {
  certificatesInForce,
  certifyServer,
  fingerprintOf,
  type RecordServiceIntent,
  type ServiceCa,
} from './service-ca.ts';

const generate = promisify(generateKeyPair);

/** What a TLS listener presents. */
export interface TlsCredentials {
  /** PKCS#8, PEM. */
  readonly key: string;
  /** The server's certificate and what is above it, PEM. */
  readonly certificate: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256 of the certificate that a client pins, hex: the service CA's, or the operator's own. */
  readonly pin: string;
  /** Lower-case hex; null: the operator's, which is not of our making. */
  readonly serial: string | null;
}

/**
 * Makes a key and its certificate by the service's own CA. The key lives in this process's memory and
 * nowhere else: each start has a new one, and clients trust the CA. What is to be signed is recorded first.
 */
export async function makeTlsCredentials(
  ca: ServiceCa,
  names: readonly string[],
  random: Random,
  now: Date,
  record: RecordServiceIntent,
): Promise<TlsCredentials> {
  const { publicKey, privateKey } = await generate('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = await certifyServer(ca, names, publicKey, random, now, record);
  // A client sees one of several that are of one key and name: the first.
  const [first = ca.certificate, ...others] = certificatesInForce(ca, now);
  return {
    key: privateKey,
    // The CA goes along, so that a client can find the one that it pinned.
    certificate: [certificate, first, ...others].map(({ der }) => encodeCertificatePem(der)).join(''),
    notBefore: certificate.notBefore,
    // Not beyond the CA that goes along: then the next one has to.
    notAfter: new Date(Math.min(certificate.notAfter.getTime(), first.notAfter.getTime())),
    pin: fingerprintOf(first.der),
    serial: Buffer.from(certificate.serial).toString('hex'),
  };
}

/** The CAs that a client trusts who knows what is presented, DER: what stands above the leaf, or the leaf where it stands alone. */
export function authoritiesOf({ certificate }: TlsCredentials): readonly Uint8Array[] {
  const [leaf, ...above] = parsePem(certificate).map(({ der }) => der);
  return above.length > 0 || !leaf ? above : [leaf];
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new Error(`${what}, ${path}, cannot be read (${code}).`, { cause });
  }
}

function readLeaf(pem: string, path: string): X509Certificate {
  try {
    const [first] = parsePem(pem);
    if (first?.label === 'CERTIFICATE') return new X509Certificate(first.der);
  } catch (cause) {
    throw new Error(`${path} is not a certificate in PEM form.`, { cause });
  }
  throw new Error(`${path} does not begin with a certificate in PEM form.`);
}

function verifyKeyFits(leaf: X509Certificate, key: string, path: string): void {
  let fits: boolean;
  try {
    fits = leaf.checkPrivateKey(createPrivateKey(key));
  } catch {
    // Without the cause: the library's message may quote what it read.
    throw new Error(`${path} is not an unencrypted private key in PEM form.`);
  }
  if (!fits) throw new Error(`The private key in ${path} does not belong to the certificate.`);
}

/**
 * Reads the credentials that the operator brings. Rejects with an `Error` for the operator: a file that
 * cannot be read, a key that does not fit, a certificate that has ended, a chain that TLS does not take.
 */
export async function readTlsCredentials(
  { certificateFile, keyFile }: { readonly certificateFile: string; readonly keyFile: string },
  now: Date,
): Promise<TlsCredentials> {
  const certificate = await readText(certificateFile, 'The certificate');
  const key = await readText(keyFile, 'The private key');
  const leaf = readLeaf(certificate, certificateFile);
  verifyKeyFits(leaf, key, keyFile);
  const notAfter = new Date(leaf.validTo);
  if (notAfter <= now)
    throw new Error(`The certificate in ${certificateFile} ended on ${notAfter.toISOString()}.`);
  createSecureContext({ cert: certificate, key });
  return {
    key,
    certificate,
    notBefore: new Date(leaf.validFrom),
    notAfter,
    pin: fingerprintOf(leaf.raw),
    serial: null,
  };
}
