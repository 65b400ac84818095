import { generateKeyPair } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { promisify } from 'node:util';
import { OID } from '../asn1/index.ts';
import type { Signer } from '../ca/index.ts';
import type { Random } from '../random.ts';
import { encodeCertificatePem, parseCertificates } from '../x509/index.ts';
import { certify, DAY_MS } from './certify.ts';
import type { ServerIdentity } from './gateway.ts';

const generate = promisify(generateKeyPair);

export interface ServerIdentityWish {
  /** The key of the gateway's server root. */
  readonly signer: Signer;
  /** Its certificate, PEM: what devices have as root.crt. */
  readonly rootPem: string;
  /** DNS names and IPv4 addresses that devices call it by; the first is the common name. */
  readonly names: readonly string[];
  readonly days: number;
  readonly random: Random;
  readonly now: Date;
}

const nameOf = (name: string): string | Uint8Array =>
  isIPv4(name) ? Uint8Array.from(name.split('.').map(Number)) : name;

/** Makes a key and a certificate for a gateway's server under its root. The key is kept nowhere. */
export async function makeServerIdentity(wish: ServerIdentityWish): Promise<ServerIdentity> {
  const { signer, rootPem, names, days, random, now } = wish;
  const [issuer = null] = parseCertificates(rootPem);
  const { publicKey, privateKey } = await generate('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = await certify(signer, random, {
    kind: 'leaf',
    subject: [{ type: OID.commonName, value: names[0] ?? 'localhost' }],
    issuer,
    publicKey,
    purposes: ['serverAuth'],
    names: names.map(nameOf),
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
  });
  return { key: privateKey, certificate: encodeCertificatePem(certificate) };
}

const ROOT_DAYS = 3650;

/** A certificate for a server root's key, as the OTA manuals make a gateway's: EKU critical serverAuth. PEM. */
export async function makeServerRootPem(
  signer: Signer,
  commonName: string,
  random: Random,
  now: Date,
): Promise<string> {
  const der = await certify(signer, random, {
    kind: 'ca',
    subject: [{ type: OID.commonName, value: commonName }],
    issuer: null,
    publicKey: signer.publicKey,
    purposes: ['serverAuth'],
    names: [],
    notBefore: new Date(now.getTime() - 2 * DAY_MS),
    notAfter: new Date(now.getTime() + ROOT_DAYS * DAY_MS),
  });
  return encodeCertificatePem(der);
}
