import { createPrivateKey, X509Certificate } from 'node:crypto';
import { encodeCertificatePem, encodePrivateKeyPem, type Pkcs12Contents } from '../../x509/index.ts';
import { LocalFailure } from '../local-failure.ts';
import { printable } from '../table.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import { openAnswer } from './gateway-facts.ts';
import { type Registrar, registerDevice } from './register.ts';

const refuse = (what: string): never => {
  throw new LocalFailure(
    'service-defect',
    `The server's answer ${what}; the device may be registered there all the same.`,
  );
};

const isSelfIssued = (certificate: X509Certificate): boolean => certificate.subject === certificate.issuer;

/** The leaf's issuers among the CA certificates, each after the one that it signed. */
function chainAbove(leaf: X509Certificate, cas: readonly X509Certificate[]): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let below = leaf; !isSelfIssued(below); ) {
    const issuer = cas.find(
      (ca) => !chain.includes(ca) && below.checkIssued(ca) && below.verify(ca.publicKey),
    );
    if (issuer === undefined) break;
    chain.push(issuer);
    below = issuer;
  }
  return chain;
}

function nameWarnings(leaf: X509Certificate, deviceId: string): readonly string[] {
  const { CN: name } = leaf.toLegacyObject().subject;
  return name === deviceId
    ? []
    : [`The server did not take the name ${deviceId}: the device is ${printable(String(name))}.`];
}

/**
 * Sorts what a server handed out: the leaf with its intermediates goes to client.pem, the other CAs are the
 * gateway's. Where one root is above both, it is the gateway's too.
 */
export function sortAnswer(
  { privateKey, certificates }: Pkcs12Contents,
  deviceId: string,
): DeviceCredentials {
  const [first, ...others] = certificates.map((der) => new X509Certificate(der));
  if (privateKey === null || first === undefined) return refuse('has no key with its certificate');
  const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' });
  if (!first.checkPrivateKey(key)) return refuse('has a key that is not the key of its certificate');
  const above = chainAbove(first, others);
  const elsewhere = others.filter((ca) => !above.includes(ca));
  const gateway = elsewhere.length > 0 ? elsewhere : above.filter(isSelfIssued);
  const pem = (list: readonly X509Certificate[]): string =>
    list.map(({ raw }) => encodeCertificatePem(raw)).join('');
  return {
    privateKey: encodePrivateKeyPem(privateKey),
    chain: pem([first, ...above.filter((ca) => !isSelfIssued(ca))]),
    gatewayRoots: pem(gateway) || null,
    gatewayUrl: null,
    warnings: nameWarnings(first, deviceId),
  };
}

/** Lets the server of the credentials make a key and a certificate. Rejects as `registerDevice` does. */
export async function signByServer(
  registrar: Registrar,
  deviceId: string,
  signal: AbortSignal,
): Promise<DeviceCredentials> {
  return sortAnswer(openAnswer(await registerDevice(registrar, deviceId, signal)), deviceId);
}
