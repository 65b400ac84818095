import { join } from 'node:path';
import { encodeElement, OID, TAG } from '../../asn1/index.ts';
import { makeFolder } from '../../folder.ts';
import { openToken, type Token, type TokenKey, type TokenKeyKind } from '../../keystore/index.ts';
import {
  assembleCsr,
  encodeCsrInfo,
  parseCertificates,
  parseCsr,
  proveCsr,
  type Certificate as X509Certificate,
} from '../../x509/index.ts';
import { type Certificate, certificateLines } from '../certificate.ts';
import { segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import { readPassphraseFile, saveFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { parseLabels } from '../labels.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { setupFailure } from '../setup-failure.ts';
import { type SupersedeOptions, supersedeOf } from '../supersede.ts';

interface EnrollOptions extends SupersedeOptions {
  readonly fleet: string;
  readonly pkcs11: string;
  readonly tokenLabel?: string;
  readonly pinFile: string;
  readonly keyId: string;
  readonly certificateId: string;
  readonly keyAlgorithm: TokenKeyKind;
  readonly out?: string;
  readonly profile?: string;
  readonly authority?: string;
  readonly notAfter?: string;
  readonly label?: readonly string[];
}

/** Labels that are customary; aktualizr goes by the ids alone. */
const LABELS = { key: 'devicekey', certificate: 'devicecert' } as const;

/** An id as aktualizr's configuration has it: exactly two hex digits. */
function readId(text: string, option: string): Buffer {
  if (/^[0-9a-f]{2}$/i.test(text)) return Buffer.from(text, 'hex');
  throw new LocalFailure('usage', `${option} ${text}: an id in the token is exactly two hex digits.`);
}

interface KeyInToken {
  readonly key: TokenKey;
  readonly isNew: boolean;
}

/** The key that the token has under the id; made where there is none. */
function keyIn(token: Token, id: Buffer, kind: TokenKeyKind): KeyInToken {
  const found = token.findKey(id);
  if (found) return { key: found, isNew: false };
  return { key: token.generateKey(kind, id, LABELS.key), isNew: true };
}

/** A PKCS#10 request that the token signs, proven here before anybody else sees it. */
function requestFor(deviceId: string, { publicKey, algorithm, sign }: TokenKey): string {
  const subject = [{ type: OID.commonName, value: deviceId }];
  const info = encodeCsrInfo({ subject, publicKey });
  const der = assembleCsr(info, algorithm, sign(info));
  proveCsr(parseCsr(der));
  return Buffer.from(der).toString('base64');
}

/** Puts the certificate where the device looks for it, and reads it back. */
function writeCertificate(token: Token, id: Buffer, certificate: X509Certificate): void {
  const { der } = certificate;
  const isThere = (): boolean => {
    const [first, second] = token.listCertificates(id);
    return second === undefined && first !== undefined && first.equals(der);
  };
  if (isThere()) return;
  token.replaceCertificate(id, LABELS.certificate, {
    der,
    subject: certificate.subject.der,
    issuer: certificate.issuer.der,
    serial: encodeElement(TAG.integer, certificate.serial),
  });
  if (!isThere()) {
    throw new LocalFailure('setup', 'The token took the certificate and gives back something else.');
  }
}

async function* once(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

async function saveTo(folder: string, { certificate }: Certificate, der: Uint8Array): Promise<void> {
  await makeFolder(folder, 0o700).catch((failure: unknown) => {
    throw fileFailure(folder, failure);
  });
  // The leaf alone: a device with an HSM presents nothing else.
  await saveFile(join(folder, 'client.pem'), 0o600, once(certificate));
  await saveFile(join(folder, 'client.der'), 0o600, once(der));
}

const isUnderIntermediate = ({ chain }: Certificate): boolean =>
  chain.split('-----BEGIN CERTIFICATE-----').length > 2;

const LEAF_ONLY =
  'A device with an HSM presents its own certificate alone, and this one stands under an intermediate: the gateway must trust that too. Give it trust-bundle.pem, not fleet-root.pem.';

const requestOf = (csr: string, deviceId: string, options: EnrollOptions) => ({
  csr,
  deviceId,
  profile: options.profile,
  authority: options.authority,
  notAfter: options.notAfter,
  labels: options.label && parseLabels(options.label),
  supersede: supersedeOf(options),
});

/**
 * `device enroll`: the whole procedure of a device whose key stays in its token. Every step finds what an
 * earlier run has done, so that it is repeated as a whole until it succeeds.
 */
export async function enrollDevice(
  invocation: Invocation,
  deviceId: string,
  options: EnrollOptions,
): Promise<undefined> {
  const { output } = invocation;
  const keyId = readId(options.keyId, '--key-id');
  const certificateId = readId(options.certificateId, '--certificate-id');
  const pin = await readPassphraseFile(options.pinFile);
  const place = { module: options.pkcs11, label: options.tokenLabel ?? null, pin };
  const token = await openToken(place).catch((failure: unknown) => {
    throw setupFailure(failure);
  });
  try {
    const { key, isNew } = keyIn(token, keyId, options.keyAlgorithm);
    const request = requestOf(requestFor(deviceId, key), deviceId, options);
    const call = postJson(`/v1/fleets/${segment(options.fleet)}/certificates`, request);
    const issued = await withClient(invocation, (client) =>
      callJson<Certificate>(client, { ...call, isRepeatable: true }),
    );
    const [certificate] = parseCertificates(issued.certificate);
    if (!certificate || !Buffer.from(certificate.publicKey.spki).equals(key.publicKey)) {
      throw new LocalFailure('untrusted', 'The certificate that came back is for another key.');
    }
    writeCertificate(token, certificateId, certificate);
    if (options.out !== undefined) await saveTo(options.out, issued, certificate.der);
    const warnings = [...issued.warnings, ...(isUnderIntermediate(issued) ? [LEAF_ONLY] : [])];
    sayWarnings(output, warnings);
    const done = {
      ...issued,
      warnings,
      token: token.label,
      keyId: options.keyId,
      certificateId: options.certificateId,
    };
    await show(output, { ...done, keyMade: isNew }, () => certificateLines(issued));
    if (!output.json) {
      output.say(
        `${isNew ? 'made' : 'found'} the key at ${options.keyId} and wrote the certificate at ${options.certificateId} of token "${token.label}"`,
      );
    }
  } catch (failure) {
    throw setupFailure(failure);
  } finally {
    token.close();
  }
}
