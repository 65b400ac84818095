import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Signer } from '../../ca/index.ts';
import type { Config } from '../../config/index.ts';
import { PkiError } from '../../errors.ts';
import { makeServerRootPem } from '../../gateway/index.ts';
import { KEY_FILE_SUFFIX, openKeystore, prepareKeyFolder, readPassphrase } from '../../keystore/index.ts';
import type { Random } from '../../random.ts';
import { parseCertificates, parsePublicKey } from '../../x509/index.ts';

/** No key of the service has this name: those of a fleet have three parts. */
const KEY_ID = 'quickstart.gateway-root';

/**
 * The demo gateway's server root, the one that devices get as `root.crt`. A fleet's gatewayRoot is fixed
 * when the fleet is created, and every later run must show a server certificate that it signed: so its
 * key lies beside the service's own, encrypted as they are, under a name of its own. It has nothing to
 * do with the fleet root, which says who the devices are.
 */
export interface GatewayRoot {
  readonly signer: Signer;
  readonly keyFile: string;
}

/** Opens the key of the demo gateway's root, or makes it. The service has prepared the key folder before. */
export async function openGatewayRoot(config: Config, random: Random): Promise<GatewayRoot> {
  const folder = config.keysFolder;
  const holdsKeys = await prepareKeyFolder(folder);
  const { passphrase } = await readPassphrase({ folder, holdsKeys, sources: config.passphrase, random });
  const keystore = openKeystore({ folder, passphrase, random });
  const isThere = await keystore.has(KEY_ID);
  const signer = isThere ? await keystore.open(KEY_ID) : await keystore.generate(KEY_ID, 'ec-p256');
  return { signer, keyFile: join(folder, `${KEY_ID}${KEY_FILE_SUFFIX}`) };
}

/** A certificate for the root's key, PEM. */
export function makeGatewayRootPem({ signer }: GatewayRoot, random: Random, now: Date): Promise<string> {
  const tag = createHash('sha256').update(signer.publicKey).digest('hex').slice(0, 8);
  return makeServerRootPem(signer, `fleetca demo gateway root ${tag}`, random, now);
}

/** Refuses `already-exists` where a fleet's gatewayRoot is not the demo's: somebody else made that fleet. */
export function verifyIsDemoRoot(root: GatewayRoot, fleet: string, gatewayRoot: string | null): string {
  const [certificate] = gatewayRoot === null ? [] : parseCertificates(gatewayRoot);
  const own = parsePublicKey(root.signer.publicKey);
  if (gatewayRoot !== null && certificate && Buffer.compare(certificate.publicKey.digest, own.digest) === 0) {
    return gatewayRoot;
  }
  throw new PkiError(
    'already-exists',
    `The fleet ${fleet} is there, but the quickstart did not make it (or ${root.keyFile} is not the key that it was made with). Nothing was changed. Run the quickstart with --data and an empty folder.`,
  );
}
