import { createPrivateKey, X509Certificate } from 'node:crypto';
import { encodeCertificatePem, encodePrivateKeyPem, type Pkcs12Contents } from '../../x509/index.ts';
import { LocalFailure } from '../local-failure.ts';
import { printable } from '../table.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import { openAnswer } from './gateway-facts.ts';
import { type Registrar, registerDevice } from './register.ts';
import type { Undelivered } from './undelivered.ts';

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

/** What an earlier call got, and could not deliver. */
const ANSWERED_BEFORE = 'The credentials that were kept are used; the server was not asked again.';

/**
 * Lets the server of the credentials make a key and a certificate, which it hands out once: the answer is
 * kept before it is looked at. Rejects as `registerDevice` does.
 */
export async function signByServer(
  registrar: Registrar,
  deviceId: string,
  undelivered: Undelivered | null,
  signal: AbortSignal,
): Promise<DeviceCredentials> {
  const found = undelivered?.found ?? null;
  if (found !== null) {
    const credentials = sortAnswer(openAnswer(Buffer.from(found, 'base64')), deviceId);
    return { ...credentials, warnings: [ANSWERED_BEFORE, ...credentials.warnings] };
  }
  const answer = Buffer.from(await registerDevice(registrar, deviceId, signal));
  await undelivered?.keep(answer.toString('base64'));
  return sortAnswer(openAnswer(answer), deviceId);
}
