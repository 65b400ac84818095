import { createPrivateKey } from 'node:crypto';
import { encodePem, OID } from '../../asn1/index.ts';
import {
  assembleCsr,
  encodeCsrInfo,
  encodePrivateKeyPem,
  parsePublicKey,
  signatureAlgorithmFor,
  signOctets,
} from '../../x509/index.ts';
import type { Certificate } from '../certificate.ts';
import { type Client, segment, withClient } from '../client/client.ts';
import { callJson, postJson, readWhole } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import { type DeviceKey, makeDeviceKey } from './device-key.ts';
import { readBundleZip } from './read-bundle-zip.ts';

export interface ServiceWish {
  readonly fleet: string;
  readonly deviceId: string;
  readonly bits: number | undefined;
  readonly notAfter: Date | null;
  /** Whether root.crt and gateway.url are wanted, which the fleet may not have. */
  readonly gateway: 'wanted' | 'not wanted';
}

function requestFor({ pkcs8, spki }: DeviceKey, deviceId: string): string {
  const algorithm = signatureAlgorithmFor(parsePublicKey(spki).key);
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  const info = encodeCsrInfo({ subject: [{ type: OID.commonName, value: deviceId }], publicKey: spki });
  return encodePem('CERTIFICATE REQUEST', assembleCsr(info, algorithm, signOctets(algorithm, key, info)));
}

/** What the fleet's bundles say of its gateway: a station may read those, and not the fleet itself. */
async function readGateway(
  client: Client,
  path: string,
): Promise<Pick<DeviceCredentials, 'gatewayRoots' | 'gatewayUrl'>> {
  const answer = await client.send({ method: 'GET', path, query: { layout: 'device' } });
  const files = await readBundleZip(await readWhole(client, answer));
  return { gatewayRoots: files.get('root.crt') ?? null, gatewayUrl: files.get('gateway.url') ?? null };
}

/** Makes a key here, and lets the service sign for it. Rejects as `fleetca issue` and `fleetca bundle` do. */
export async function signByService(
  invocation: Invocation,
  { fleet, deviceId, bits, notAfter, gateway }: ServiceWish,
): Promise<DeviceCredentials> {
  const key = await makeDeviceKey(bits);
  const path = `/v1/fleets/${segment(fleet)}`;
  const request = { csr: requestFor(key, deviceId), deviceId, notAfter: notAfter?.toISOString() };
  return withClient(invocation, async (client) => {
    const call = { ...postJson(`${path}/certificates`, request), isRepeatable: true as const };
    const { chain, warnings } = await callJson<Certificate>(client, call);
    const told =
      gateway === 'wanted'
        ? await readGateway(client, `${path}/devices/${segment(deviceId)}/bundle`)
        : { gatewayRoots: null, gatewayUrl: null };
    return { privateKey: encodePrivateKeyPem(key.pkcs8), chain, warnings, ...told };
  });
}
