import { createPrivateKey, createPublicKey } from 'node:crypto';
import { encodePem, OID } from '../../asn1/index.ts';
import { PkiError } from '../../errors.ts';
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
import { EXIT, EXIT_STATUS } from '../exit-status.ts';
import type { Invocation } from '../invocation.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import { type DeviceKey, makeDeviceKey } from './device-key.ts';
import { readBundleZip } from './read-bundle-zip.ts';
import type { Undelivered } from './undelivered.ts';

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

/** A key, and until when it was asked to be certified: what the same request is made of again. */
interface KeptKey {
  /** PKCS#8, PEM. */
  readonly privateKey: string;
  /** RFC 3339; null: as the service has it. */
  readonly notAfter: string | null;
}

const KEY_OF_BEFORE = 'The key that was kept is used, and asked for as before.';

function keyOf(privateKey: string): DeviceKey {
  const key = createPrivateKey(privateKey);
  return {
    pkcs8: key.export({ format: 'der', type: 'pkcs8' }),
    spki: createPublicKey(key).export({ format: 'der', type: 'spki' }),
  };
}

/** The key of an earlier call whose files did not arrive, or a new one, which is kept before it is named. */
async function keyFor(
  { bits, notAfter }: ServiceWish,
  undelivered: Undelivered | null,
): Promise<{ readonly key: DeviceKey; readonly notAfter: string | null }> {
  const found = undelivered?.found ?? null;
  if (found !== null) {
    const kept = JSON.parse(found) as KeptKey;
    return { key: keyOf(kept.privateKey), notAfter: kept.notAfter };
  }
  const key = await makeDeviceKey(bits);
  const wish = { key, notAfter: notAfter?.toISOString() ?? null };
  const kept: KeptKey = { privateKey: encodePrivateKeyPem(key.pkcs8), notAfter: wish.notAfter };
  await undelivered?.keep(JSON.stringify(kept));
  return wish;
}

/** Whether the service has said that it certifies no such key: where it may have, the key is kept. */
const isSurelyRefused = (failure: unknown): boolean =>
  failure instanceof PkiError && EXIT_STATUS[failure.code] !== EXIT.tryAgain;

/**
 * Makes a key here, and lets the service sign for it. The key is kept from before it is asked for: the
 * service takes no other one for the device, and gives its certificate again to whoever asks with this one.
 * Rejects as `fleetca issue` and `fleetca bundle` do.
 */
export async function signByService(
  invocation: Invocation,
  wish: ServiceWish,
  undelivered: Undelivered | null,
): Promise<DeviceCredentials> {
  const { fleet, deviceId, gateway } = wish;
  const { key, notAfter } = await keyFor(wish, undelivered);
  const path = `/v1/fleets/${segment(fleet)}`;
  const request = { csr: requestFor(key, deviceId), deviceId, notAfter: notAfter ?? undefined };
  const before = undelivered?.found ?? null;
  return withClient(invocation, async (client) => {
    const call = { ...postJson(`${path}/certificates`, request), isRepeatable: true as const };
    const { chain, warnings } = await callJson<Certificate>(client, call).catch(async (failure: unknown) => {
      if (before === null && isSurelyRefused(failure)) await undelivered?.drop();
      throw failure;
    });
    const told =
      gateway === 'wanted'
        ? await readGateway(client, `${path}/devices/${segment(deviceId)}/bundle`)
        : { gatewayRoots: null, gatewayUrl: null };
    return {
      privateKey: encodePrivateKeyPem(key.pkcs8),
      chain,
      warnings: before === null ? warnings : [KEY_OF_BEFORE, ...warnings],
      ...told,
    };
  });
}
