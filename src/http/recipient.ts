import { encodePem } from '../asn1/index.ts';
import type { LotKeyMaking } from '../batch/index.ts';
import { PkiError } from '../errors.ts';
import {
  type DeviceKeyAlgorithm,
  parseCertificates,
  parseRecipient,
  verifyRecipientAlive,
} from '../x509/index.ts';
import type { Call } from './edge.ts';

export const DEFAULT_KEY_ALGORITHM: DeviceKeyAlgorithm = 'ec-p256';

/** A byte sequence (RFC 8941, 3.3.5): base64 between colons. */
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]*={0,2}):$/;

/** A recipient's certificate, DER, as it may be used at `now`. Refuses `bad-recipient`. */
function verifyRecipient(der: Uint8Array, now: Date): Uint8Array {
  verifyRecipientAlive(parseRecipient(der), now);
  return der;
}

/** The one certificate of a PEM text, judged as a recipient's. Refuses `bad-recipient`. */
export function readRecipientPem(pem: string, now: Date): Uint8Array {
  let found: ReturnType<typeof parseCertificates>;
  try {
    found = parseCertificates(pem);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new PkiError('bad-recipient', `The recipient is no certificate in PEM: ${cause.message}`, {
      cause,
    });
  }
  const [first, second] = found;
  if (!first || second) throw new PkiError('bad-recipient', 'The recipient is one certificate.');
  return verifyRecipient(first.der, now);
}

/**
 * How the keys of a lot are made: for the recipient of the header `Recipient-Certificate`; undefined where
 * there is none. Refuses `bad-request` where the header is no byte sequence, or a kind of key is named
 * without it; `bad-recipient`.
 */
export function readLotKeyMaking(
  { req, act }: Call,
  algorithm: DeviceKeyAlgorithm | undefined,
): LotKeyMaking | undefined {
  const header = req.headers['recipient-certificate'];
  if (header === undefined) {
    if (algorithm === undefined) return undefined;
    throw new PkiError(
      'bad-request',
      'keyAlgorithm is of keys that the CA makes: name a recipient for them with Recipient-Certificate.',
    );
  }
  const [, body] = BYTE_SEQUENCE.exec(String(header).trim()) ?? [];
  const der = Buffer.from(body ?? '', 'base64');
  if (body === undefined || der.toString('base64') !== body) {
    throw new PkiError(
      'bad-request',
      'Recipient-Certificate is the certificate, DER, in base64 between two colons (RFC 8941, 3.3.5).',
    );
  }
  return {
    algorithm: algorithm ?? DEFAULT_KEY_ALGORITHM,
    recipient: verifyRecipient(new Uint8Array(der), act.at),
  };
}

/** An envelope as text (RFC 7468, 9). */
export const encodeEnvelopePem = (envelope: Uint8Array): string => encodePem('CMS', envelope);
