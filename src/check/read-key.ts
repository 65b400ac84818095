import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { DerReader, OID, readElement, TAG } from '../asn1/index.ts';

/** A private key of a bundle, in the form that it has there. */
export interface HeldKey {
  readonly form: 'pkcs8' | 'sec1' | 'pkcs1' | 'der' | 'pkcs12' | 'encrypted';
  /** Null where it cannot be opened. */
  readonly object: KeyObject | null;
}

type DerType = 'pkcs8' | 'pkcs1' | 'sec1';
const DER_TYPES: readonly DerType[] = ['pkcs8', 'sec1', 'pkcs1'];

function open(load: () => KeyObject): KeyObject | null {
  try {
    return load();
  } catch {
    // Without the cause: OpenSSL's message may quote what it read.
    return null;
  }
}

const openDer = (octets: Uint8Array): KeyObject | null => {
  for (const type of DER_TYPES) {
    const key = open(() => createPrivateKey({ key: Buffer.from(octets), format: 'der', type }));
    if (key !== null) return key;
  }
  return null;
};

/** Whether a file in DER is a private key that can be opened. */
export const isDerKey = (octets: Uint8Array): boolean => openDer(octets) !== null;

export const readDerKey = (octets: Uint8Array, form: 'der' | 'pkcs12' = 'der'): HeldKey => ({
  form,
  object: openDer(octets),
});

export function readPemKey(pem: string, encrypted: boolean): HeldKey {
  if (encrypted) return { form: 'encrypted', object: null };
  const object = open(() => createPrivateKey({ key: pem, format: 'pem' }));
  const [, older] = /-----BEGIN (EC|RSA) PRIVATE KEY-----/.exec(pem) ?? [];
  if (older === undefined) return { form: 'pkcs8', object };
  return { form: older === 'EC' ? 'sec1' : 'pkcs1', object };
}

/** What a key is, as far as rules ask. */
export interface KeyFacts {
  readonly title: string;
  readonly kind: 'ec' | 'rsa' | 'ed25519' | 'other';
  /** Of RSA. */
  readonly bits: number | null;
  /** The curve's identifier; null where its parameters are spelt out, or it has none. */
  readonly curve: string | null;
  readonly explicit: boolean;
}

const CURVES: Readonly<Record<string, string>> = {
  [OID.prime256v1]: 'P-256',
  [OID.secp384r1]: 'P-384',
  [OID.secp521r1]: 'P-521',
};

/** The curve in a SubjectPublicKeyInfo (RFC 5480, 2): its identifier, or null for parameters that are spelt out. */
function curveOf(key: KeyObject): string | null {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const algorithm = DerReader.inside(readElement(spki)).sequence("the key's algorithm");
  algorithm.oid("the key's algorithm");
  return algorithm.peek() === TAG.oid ? algorithm.oid('the curve') : null;
}

export function describePrivateKey(key: KeyObject): KeyFacts {
  const none = { bits: null, curve: null, explicit: false } as const;
  switch (key.asymmetricKeyType) {
    case 'rsa': {
      const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
      return { ...none, kind: 'rsa', title: `RSA ${bits}`, bits };
    }
    case 'ec': {
      const oid = curveOf(key);
      const curve = oid === null ? null : (CURVES[oid] ?? oid);
      return { ...none, kind: 'ec', title: `EC ${curve ?? 'of its own'}`, curve, explicit: oid === null };
    }
    case 'ed25519':
      return { ...none, kind: 'ed25519', title: 'Ed25519' };
    default:
      return { ...none, kind: 'other', title: key.asymmetricKeyType ?? 'an unknown kind' };
  }
}
