import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OID } from '../../asn1/index.ts';
import type { Signer } from '../../ca/index.ts';
import { certify, DAY_MS } from '../../gateway/index.ts';
import { systemRandom } from '../../random.ts';
import { encodeCertificatePem, parseCertificate, parseCertificates } from '../../x509/index.ts';
import type { ClientCredentials } from './call-gateway.ts';
import { makeDeviceKey, signWithKey } from './device-key.ts';
import { FLEET_ROOT_FILE } from './output-folder.ts';
import type { WrittenBundle } from './read-bundle.ts';

/** A client that a gateway of this fleet must not let in. */
export interface Impostor {
  readonly title: string;
  readonly credentials: ClientCredentials;
}

async function makeSigner(): Promise<Signer> {
  const key = await makeDeviceKey('P-256');
  return {
    algorithm: key.algorithm,
    publicKey: key.spki,
    portable: null,
    sign: async (tbs) => signWithKey(key, tbs),
  };
}

/** A device of the same ID under a root that has the fleet root's name, and not its key. */
async function forge(
  { deviceId, gatewayRoot }: WrittenBundle,
  fleetRootPem: string,
): Promise<ClientCredentials> {
  const [real] = parseCertificates(fleetRootPem);
  const names = real?.subject.rdns.flat().map(({ type, value = '' }) => ({ type, value })) ?? [];
  const now = Date.now();
  const dates = { notBefore: new Date(now - DAY_MS), notAfter: new Date(now + DAY_MS) };
  const signer = await makeSigner();
  const root = await certify(signer, systemRandom, {
    kind: 'ca',
    subject: names,
    issuer: null,
    publicKey: signer.publicKey,
    purposes: ['serverAuth', 'clientAuth'],
    names: [],
    ...dates,
  });
  const key = await makeDeviceKey('P-256');
  const leaf = await certify(signer, systemRandom, {
    kind: 'leaf',
    subject: [{ type: OID.commonName, value: deviceId }],
    issuer: parseCertificate(root),
    publicKey: key.spki,
    purposes: ['clientAuth'],
    names: [],
    ...dates,
  });
  return { key: key.pkcs8, chain: encodeCertificatePem(leaf) + encodeCertificatePem(root), gatewayRoot };
}

function withoutIntermediates({ key, chain, gatewayRoot }: WrittenBundle): ClientCredentials {
  const [leaf] = parseCertificates(chain);
  return { key, chain: leaf ? encodeCertificatePem(leaf.der) : '', gatewayRoot };
}

/** Clients made from a good bundle, each wrong in one way. */
export async function makeImpostors(bundle: WrittenBundle, output: string): Promise<readonly Impostor[]> {
  const fleetRootPem = await readFile(join(output, FLEET_ROOT_FILE), 'utf8');
  return [
    { title: 'a device without its intermediates', credentials: withoutIntermediates(bundle) },
    { title: 'a device of another CA with the same name', credentials: await forge(bundle, fleetRootPem) },
    { title: 'a client without a certificate', credentials: { gatewayRoot: bundle.gatewayRoot } },
  ];
}
