import { sign } from 'node:crypto';
import { encodeBitString, encodeOid, encodeSequence, OID } from '../../asn1/index.ts';
import type { RefusalCode } from '../../errors.ts';
import {
  type Extension,
  encodeBasicConstraints,
  encodeExtendedKeyUsage,
  encodeKeyUsage,
} from '../../x509/index.ts';
import type { DeviceKey, DeviceKeyKind } from './device-key.ts';
import { commonName, infoOf, lineOf, requestOf, requestPem } from './request-line.ts';

/** What a fault is made of: a device, its key, and a good device that came much earlier in the lot. */
export interface FaultInput {
  readonly deviceId: string;
  readonly key: DeviceKey;
  readonly earlier: { readonly deviceId: string; readonly key: DeviceKey };
}

/** One way in which a factory's request goes wrong, and the code that it must be refused with. */
export interface Fault {
  readonly title: string;
  readonly code: RefusalCode;
  readonly times: number;
  /** P-256 where it does not say. */
  readonly keyKind?: DeviceKeyKind;
  /** The row, as it goes over the wire. */
  readonly line: (input: FaultInput) => string;
}

const goodDer = ({ deviceId, key }: FaultInput): Uint8Array =>
  requestOf({ subject: [commonName(deviceId)], key });

const good = (input: FaultInput): string => lineOf(input.deviceId, requestPem(goodDer(input)));

const withDer =
  (change: (input: FaultInput) => Uint8Array) =>
  (input: FaultInput): string =>
    lineOf(input.deviceId, requestPem(change(input)));

const withSubject = (names: (deviceId: string) => readonly string[]) =>
  withDer(({ deviceId, key }) => requestOf({ subject: names(deviceId).map(commonName), key }));

const withExtension = (extension: Extension) =>
  withDer(({ deviceId, key }) =>
    requestOf({ subject: [commonName(deviceId)], key, extensions: [extension] }),
  );

/** x509 does not write SHA-1, so this request is put together by hand. */
function signedWithSha1({ deviceId, key }: FaultInput): Uint8Array {
  const info = infoOf({ subject: [commonName(deviceId)], key });
  const algorithm = encodeSequence(encodeOid(OID.ecdsaWithSha1));
  return encodeSequence(info, algorithm, encodeBitString(sign('sha1', info, key.privateKey)));
}

/** The last octet of a P-256 SubjectPublicKeyInfo ends the point's y: another y is on no curve with this x. */
function offTheCurve({ deviceId, key }: FaultInput): Uint8Array {
  const spki = Uint8Array.from(key.spki);
  spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1;
  return requestOf({ subject: [commonName(deviceId)], key, spki });
}

/** One digit of the name is another, so that the signature is over something else. */
function signedForAnother(input: FaultInput): Uint8Array {
  const der = Buffer.from(goodDer(input));
  const at = der.indexOf(input.deviceId, 0, 'latin1') + input.deviceId.length - 1;
  der[at] = der[at] === 0x39 ? 0x38 : 0x39;
  return der;
}

/**
 * All faults of a lot. Those that contradict an earlier row stand last, because the lot keeps this
 * order and the row that they contradict must be on record before.
 */
export const FAULTS: readonly Fault[] = [
  {
    title: 'the request was changed after signing',
    code: 'bad-signature',
    times: 2,
    line: withDer(signedForAnother),
  },
  {
    title: 'signed with the key of another device',
    code: 'bad-signature',
    times: 2,
    line: withDer(({ deviceId, key, earlier }) =>
      requestOf({ subject: [commonName(deviceId)], key: earlier.key, spki: key.spki }),
    ),
  },
  { title: 'signed over SHA-1', code: 'weak-signature', times: 2, line: withDer(signedWithSha1) },
  { title: 'an RSA key of 1024 bits', code: 'weak-key', times: 2, keyKind: 'rsa-1024', line: good },
  {
    title: 'an RSA key whose primes lie side by side',
    code: 'broken-key',
    times: 1,
    keyKind: 'rsa-close-primes',
    line: good,
  },
  { title: 'a P-256 point that is not on the curve', code: 'bad-key', times: 2, line: withDer(offTheCurve) },
  { title: 'a key on secp256k1', code: 'curve-not-allowed', times: 2, keyKind: 'secp256k1', line: good },
  {
    title: 'an Ed25519 key, which the server does not take',
    code: 'algorithm-not-allowed',
    times: 2,
    keyKind: 'ed25519',
    line: good,
  },
  {
    title: 'octets after the end of the request',
    code: 'bad-der',
    times: 2,
    line: withDer((input) => Buffer.concat([goodDer(input), Uint8Array.of(0, 0)])),
  },
  {
    title: 'a request that was cut off',
    code: 'bad-der',
    times: 2,
    line: withDer((input) => goodDer(input).subarray(0, 150)),
  },
  {
    title: 'two requests in one PEM text',
    code: 'bad-pem',
    times: 2,
    line: (input) => lineOf(input.deviceId, requestPem(goodDer(input)).repeat(2)),
  },
  { title: 'a row that was cut off', code: 'bad-json', times: 2, line: (input) => good(input).slice(0, 200) },
  { title: 'no common name', code: 'subject-missing-cn', times: 2, line: withSubject(() => []) },
  {
    title: 'two common names',
    code: 'subject-several-cn',
    times: 2,
    line: withSubject((id) => [id, `${id}-B`]),
  },
  {
    title: 'a slash in the common name',
    code: 'bad-device-id',
    times: 2,
    line: withSubject((id) => [`../${id}`]),
  },
  {
    title: 'the common name of another device',
    code: 'device-id-mismatch',
    times: 2,
    line: withSubject((id) => [`${id.slice(0, -5)}99999`]),
  },
  {
    title: 'asks to be a CA (CA:TRUE)',
    code: 'extension-not-granted',
    times: 2,
    line: withExtension({
      oid: OID.basicConstraints,
      critical: true,
      value: encodeBasicConstraints({ ca: true, pathLength: null }),
    }),
  },
  {
    title: 'asks to sign certificates (keyCertSign)',
    code: 'extension-not-granted',
    times: 2,
    line: withExtension({ oid: OID.keyUsage, critical: true, value: encodeKeyUsage(['keyCertSign']) }),
  },
  {
    title: 'asks to sign code (codeSigning)',
    code: 'extension-not-granted',
    times: 1,
    line: withExtension({
      oid: OID.extendedKeyUsage,
      critical: false,
      value: encodeExtendedKeyUsage(['clientAuth', 'codeSigning']),
    }),
  },
  {
    title: 'the key of another device in the lot',
    code: 'key-of-another-device',
    times: 3,
    line: withDer(({ deviceId, earlier }) =>
      requestOf({ subject: [commonName(deviceId)], key: earlier.key }),
    ),
  },
  {
    title: 'a second key for a device in the lot',
    code: 'device-has-other-key',
    times: 2,
    line: ({ key, earlier }) => good({ deviceId: earlier.deviceId, key, earlier }),
  },
  {
    title: "another device's ID in lower case",
    code: 'device-id-twin',
    times: 1,
    line: ({ key, earlier }) => good({ deviceId: earlier.deviceId.toLowerCase(), key, earlier }),
  },
];
