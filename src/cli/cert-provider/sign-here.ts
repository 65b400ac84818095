import { systemRandom } from '../../random.ts';
import { encodeCertificatePem, encodePrivateKeyPem } from '../../x509/index.ts';
import { readPassphraseFile, readTextFile } from '../files.ts';
import { certifyDevice, type DeviceWish } from './certify-device.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import { makeDeviceKey } from './device-key.ts';
import { type FleetCa, intermediatesOf, readFleetCa } from './fleet-ca.ts';

export interface FleetCaPaths {
  readonly certificate: string;
  readonly key: string;
  readonly passphraseFile: string | undefined;
}

/** Reads and checks a fleet CA from its files. Rejects with `usage`, and as `readFleetCa` does. */
export async function openFleetCa(
  { certificate, key, passphraseFile }: FleetCaPaths,
  now: Date,
): Promise<FleetCa> {
  const files = {
    certificates: await readTextFile(certificate),
    privateKey: await readTextFile(key),
    passphrase: passphraseFile === undefined ? undefined : await readPassphraseFile(passphraseFile),
  };
  return readFleetCa(files, now);
}

/** Makes a key and signs for it with the fleet CA's own key. */
export async function signHere(
  ca: FleetCa,
  wish: DeviceWish,
  bits: number | undefined,
  now: Date,
): Promise<Pick<DeviceCredentials, 'privateKey' | 'chain' | 'warnings'>> {
  const key = await makeDeviceKey(bits);
  const { der, warnings } = certifyDevice(ca, key.spki, wish, { random: systemRandom, now });
  const chain = [der, ...intermediatesOf(ca).map((one) => one.der)].map(encodeCertificatePem).join('');
  return { privateKey: encodePrivateKeyPem(key.pkcs8), chain, warnings };
}
