import { generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { OID } from '../../asn1/index.ts';
import type { Signer } from '../../ca/index.ts';
import { certify } from '../../gateway/index.ts';
import type { Random } from '../../random.ts';
import { encodeCertificatePem } from '../../x509/index.ts';
import { type Asked, askForCaNames } from './ca-names.ts';
import { type Call, callGateway, type Ending, TLS_VERSIONS, type TlsVersion } from './handshake.ts';

export interface ProbeInput {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly serverRoots: string;
  /** PEM; null: the key is elsewhere, and nothing is presented. */
  readonly credentials: Call['credentials'];
  readonly random: Random;
  readonly now: Date;
  /** Whether `openssl` may be started, which tells the CAs that the gateway names. */
  readonly asksOpenssl: boolean;
}

/** How a gateway behaved over one version of TLS. */
export interface Probe {
  readonly version: TlsVersion;
  /** With the device's credentials; null where those are not here. */
  readonly own: Ending | null;
  /** Without a certificate. */
  readonly nobody: Ending;
  /** With one that the gateway cannot know. */
  readonly stranger: Ending | null;
  readonly asked: Asked;
}

const generate = promisify(generateKeyPair);
const HOUR_MS = 60 * 60 * 1000;

/** A key, in this process alone, that signs for itself. */
export async function makePassingSigner(): Promise<{ readonly signer: Signer; readonly key: string }> {
  const { publicKey, privateKey } = await generate('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const signer: Signer = {
    algorithm: 'ecdsa-with-SHA256',
    publicKey,
    portable: null,
    sign: async (tbs) => sign('sha256', tbs, privateKey),
  };
  return { signer, key: privateKey };
}

/** Credentials of nobody: signed by their own key, for an hour, under a name that no device has. */
async function makeStranger({ random, now }: ProbeInput): Promise<NonNullable<Call['credentials']>> {
  const { signer, key } = await makePassingSigner();
  const der = await certify(signer, random, {
    kind: 'leaf',
    subject: [{ type: OID.commonName, value: 'fleetca-check-stranger' }],
    issuer: null,
    publicKey: signer.publicKey,
    purposes: ['clientAuth'],
    names: [],
    notBefore: new Date(now.getTime() - HOUR_MS),
    notAfter: new Date(now.getTime() + HOUR_MS),
  });
  return { key, chain: encodeCertificatePem(der) };
}

/** After one of these there is nobody to talk to. */
const isHopeless = ({ kind }: Ending): boolean =>
  kind === 'unreachable' || kind === 'no-tls' || kind === 'untrusted' || kind === 'other-name';

async function probe(input: ProbeInput, stranger: Call['credentials'], version: TlsVersion): Promise<Probe> {
  const { host, port, serverRoots, credentials } = input;
  const call = (as: Call['credentials']): Promise<Ending> =>
    callGateway({ host, port, version, serverRoots, credentials: as });
  const nobody = await call(null);
  if (isHopeless(nobody)) return { version, own: null, nobody, stranger: null, asked: { kind: 'unknown' } };
  return {
    version,
    own: credentials === null ? null : await call(credentials),
    nobody,
    stranger: await call(stranger),
    asked: input.asksOpenssl ? await askForCaNames(host, port, version) : { kind: 'unknown' },
  };
}

/**
 * Calls a gateway over TLS 1.2 and 1.3: as the device, as nobody, and as a stranger. The call as the device is
 * a first connection, which some servers take for a registration.
 */
export async function probeGateway(input: ProbeInput): Promise<readonly Probe[]> {
  const stranger = await makeStranger(input);
  const probes: Probe[] = [];
  for (const version of TLS_VERSIONS) probes.push(await probe(input, stranger, version));
  return probes;
}

/** Calls a gateway as the device alone. */
export async function callAsDevice(
  gateway: Pick<ProbeInput, 'host' | 'port' | 'serverRoots'>,
  credentials: NonNullable<Call['credentials']>,
): Promise<readonly Pick<Probe, 'version' | 'own'>[]> {
  const calls: Pick<Probe, 'version' | 'own'>[] = [];
  for (const version of TLS_VERSIONS)
    calls.push({ version, own: await callGateway({ ...gateway, version, credentials }) });
  return calls;
}
