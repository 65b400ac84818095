import { createPrivateKey, createPublicKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { OID, parsePem } from '../../asn1/index.ts';
import { PkiError } from '../../errors.ts';
import {
  assembleCsr,
  attributesOf,
  digestOf,
  encodeCsrInfo,
  encodePrivateKeyPem,
  parseCertificate,
  parsePublicKey,
  signatureAlgorithmFor,
} from '../../x509/index.ts';
import { makeDeviceKey } from '../cert-provider/device-key.ts';
import { segment, withClient } from '../client/client.ts';
import { readWhole } from '../client/json.ts';
import { EXIT, EXIT_STATUS } from '../exit-status.ts';
import { readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import {
  type DeviceFiles,
  dropNextKey,
  isAnswered,
  keepNextCertificate,
  keepNextKey,
  readNextKey,
  replaceFiles,
} from '../renewal-files.ts';
import { formatFields } from '../table.ts';

/** Where to renew. */
interface RenewalWish {
  readonly fleet: string;
  /** The mutual-TLS listener of the service. */
  readonly at: string;
  readonly sameKey?: true;
}

interface RenewOptions extends RenewalWish {
  readonly cert: string;
  readonly key: string;
}

const readKey = (pem: string, path: string): KeyObject => {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new LocalFailure('usage', `${path} holds no private key that can be read.`, { cause });
  }
};

function readLeaf(pem: string, path: string): X509Certificate {
  const [first] = parsePem(pem);
  if (first?.label === 'CERTIFICATE') return new X509Certificate(first.der);
  throw new LocalFailure('usage', `${path} holds no certificate in PEM form.`);
}

/** The device's ID, as its certificate of now has it. */
function deviceIdOf(leaf: X509Certificate): string {
  const [name] = attributesOf(parseCertificate(leaf.raw).subject, OID.commonName);
  if (typeof name?.value === 'string') return name.value;
  throw new LocalFailure('usage', 'The certificate has no common name.');
}

function requestFor(deviceId: string, key: KeyObject): Uint8Array {
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const algorithm = signatureAlgorithmFor(parsePublicKey(publicKey).key);
  const subject = [{ type: OID.commonName, value: deviceId }];
  const info = encodeCsrInfo({ subject, publicKey, extensions: [] });
  return assembleCsr(info, algorithm, sign(digestOf(algorithm), info, key));
}

/** The key of the renewal: that of an earlier run whose answer was lost; else a new one, kept before it is used. */
async function nextKey(files: DeviceFiles): Promise<{ readonly pem: string; readonly isNew: boolean }> {
  const kept = await readNextKey(files);
  if (kept !== null) return { pem: kept, isNew: false };
  const { pkcs8 } = await makeDeviceKey(undefined);
  const pem = encodePrivateKeyPem(pkcs8);
  await keepNextKey(files, pem);
  return { pem, isNew: true };
}

/** Asks for the certificate, and looks whether it is that of the device and the key. */
async function askFor(
  { globals, output }: Invocation,
  { fleet, at }: RenewalWish,
  identity: { readonly cert: string; readonly key: string },
  deviceId: string,
  key: KeyObject,
): Promise<string> {
  const call = {
    method: 'POST',
    path: `/v1/fleets/${segment(fleet)}/certificates/renew`,
    headers: { 'Content-Type': 'application/json', Accept: 'application/pem-certificate-chain' },
    body: JSON.stringify({ csr: Buffer.from(requestFor(deviceId, key)).toString('base64') }),
    isOpen: true,
    // The same request again gives the same certificate.
    isRepeatable: true,
  } as const;
  const pem = await withClient(
    { globals: { ...globals, url: at }, output },
    async (client) => (await readWhole(client, await client.send(call))).toString('utf8'),
    identity,
  );
  const leaf = readLeaf(pem, 'the answer');
  if (leaf.checkPrivateKey(key) && deviceIdOf(leaf) === deviceId) return pem;
  throw new LocalFailure('service-defect', 'The answer is not the certificate of this device and key.');
}

/**
 * True where the key of the renewal is of no use: it was refused itself, or nothing was ever issued for it. After
 * what may pass, and for a key of an earlier run, something may be on record: it is asked with again.
 */
const isSpent = ({ code }: PkiError, isNew: boolean): boolean =>
  code.startsWith('key-') || (isNew && EXIT_STATUS[code] !== EXIT.tryAgain);

async function renewFiles(invocation: Invocation, options: RenewalWish, files: DeviceFiles): Promise<void> {
  const [cert, key] = [await readTextFile(files.certificate), await readTextFile(files.key)];
  const leaf = readLeaf(cert, files.certificate);
  const present = readKey(key, files.key);
  if (!leaf.checkPrivateKey(present))
    throw new LocalFailure('usage', `${files.key} is not the key of ${files.certificate}.`);
  const next = options.sameKey ? { pem: key, isNew: false } : await nextKey(files);
  try {
    const own = readKey(next.pem, files.key);
    await keepNextCertificate(files, await askFor(invocation, options, { cert, key }, deviceIdOf(leaf), own));
  } catch (failure) {
    if (failure instanceof PkiError && isSpent(failure, next.isNew)) await dropNextKey(files);
    throw failure;
  }
}

/**
 * Replaces a device's certificate and key by the next ones, or ends the renewal of a run that was cut off
 * (`resumed`). Rejects with the service's refusal, and leaves the files as they were then.
 */
export async function renewDevice(
  invocation: Invocation,
  wish: RenewalWish,
  files: DeviceFiles,
): Promise<{ readonly leaf: X509Certificate; readonly resumed: boolean }> {
  const resumed = await isAnswered(files);
  if (!resumed) await renewFiles(invocation, wish, files);
  return { leaf: readLeaf(await replaceFiles(files), files.certificate), resumed };
}

/** `renew`: a device's next certificate, with its key, in place of those that it has. */
export async function renew(invocation: Invocation, options: RenewOptions): Promise<undefined> {
  const files = { certificate: options.cert, key: options.key };
  const { leaf, resumed } = await renewDevice(invocation, options, files);
  const id = leaf.fingerprint256.replaceAll(':', '').toLowerCase();
  const done = {
    deviceId: deviceIdOf(leaf),
    id,
    notAfter: new Date(leaf.validTo).toISOString(),
    resumed,
  };
  await show(invocation.output, done, () =>
    formatFields([
      ['device', done.deviceId],
      ['id', id],
      ['valid to', done.notAfter],
    ]),
  );
}
