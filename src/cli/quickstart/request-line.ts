import { encodePem, OID } from '../../asn1/index.ts';
import { assembleCsr, type Extension, encodeCsrInfo, type SubjectAttribute } from '../../x509/index.ts';
import { type DeviceKey, signWithKey } from './device-key.ts';

export interface RequestParts {
  readonly subject: readonly SubjectAttribute[];
  readonly key: DeviceKey;
  /** Where another key than the signing one stands in the request. */
  readonly spki?: Uint8Array;
  readonly extensions?: readonly Extension[];
}

export const commonName = (value: string): SubjectAttribute => ({ type: OID.commonName, value });

/** CertificationRequestInfo of these parts. */
export const infoOf = ({ subject, key, spki = key.spki, extensions = [] }: RequestParts): Uint8Array =>
  encodeCsrInfo({ subject, publicKey: spki, extensions });

/** A signed PKCS#10 request, DER. */
export function requestOf(parts: RequestParts): Uint8Array {
  const info = infoOf(parts);
  return assembleCsr(info, parts.key.algorithm, signWithKey(parts.key, info));
}

export const requestPem = (der: Uint8Array): string => encodePem('CERTIFICATE REQUEST', der);

/** One row of a lot, as the API takes it. */
export const lineOf = (deviceId: string, csr: string): string => JSON.stringify({ deviceId, csr });
