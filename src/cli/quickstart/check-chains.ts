import { createPrivateKey, createPublicKey } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { OID } from '../../asn1/index.ts';
import { attributesOf, type Certificate, checkChain, parseCertificates } from '../../x509/index.ts';
import { readBundle, type WrittenBundle } from './read-bundle.ts';
import { withProgress } from './terminal.ts';

function keyFault({ key }: WrittenBundle, leaf: Certificate): readonly string[] {
  const spki = createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' });
  return Buffer.compare(spki, leaf.publicKey.spki) === 0 ? [] : ['pkey.pem is not the key of client.pem'];
}

function nameFault({ deviceId }: WrittenBundle, leaf: Certificate): readonly string[] {
  const [name] = attributesOf(leaf.subject, OID.commonName);
  return name?.value === deviceId ? [] : ['the CN of client.pem is not the device ID'];
}

/** What is wrong with a written bundle: chain up to the fleet root alone, key, name. */
function checkBundle(bundle: WrittenBundle, fleetRoot: Certificate, at: Date): readonly string[] {
  const presented = parseCertificates(bundle.chain);
  const [leaf] = presented;
  if (!leaf) return ['client.pem is empty'];
  const faults = [
    ...checkChain([...presented, fleetRoot], 'clientAuth', at),
    ...keyFault(bundle, leaf),
    ...nameFault(bundle, leaf),
  ];
  return faults.map((fault) => `${bundle.deviceId}: ${fault}`);
}

/**
 * Checks every bundle in the output folder from its files, by the published fleet root alone. One
 * sentence for each fault.
 */
export async function checkChains(
  output: string,
  deviceIds: readonly string[],
  fleetRootPem: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const [fleetRoot] = parseCertificates(fleetRootPem);
  if (!fleetRoot) throw new Error('the published fleet root is empty');
  const at = new Date();
  const faults: string[] = [];
  await withProgress(`Checking ${deviceIds.length} chains`, deviceIds.length, async (advance) => {
    for (const deviceId of deviceIds) {
      signal.throwIfAborted();
      faults.push(...checkBundle(await readBundle(output, deviceId), fleetRoot, at));
      advance();
      // The service runs in this process too.
      await nextTurn();
    }
  });
  return faults;
}
