import { elementBytes, parsePem, readElement, TAG } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import {
  type ForeignCertificate,
  isPrivateKeyEncrypted,
  type OpenedPkcs12,
  parseForeignCertificate,
  parsePkcs12,
} from '../x509/index.ts';
import { describeContent } from './describe-content.ts';
import { baseName, type GivenFile } from './given-file.ts';
import { type Configuration, readConfiguration } from './read-configuration.ts';
import { type HeldKey, isDerKey, readDerKey, readPemKey } from './read-key.ts';

/** A file of a bundle, and what is in it. */
export interface ReadFile {
  readonly path: string;
  readonly mode: number | null;
  readonly octets: number;
  /** What is in it, for a sentence. */
  readonly holds: string;
  readonly certificates: readonly ForeignCertificate[];
  /** The form of the certificates. */
  readonly form: 'pem' | 'der' | 'pkcs12' | null;
  readonly key: HeldKey | null;
  /** As it stands, line end and all. */
  readonly url: string | null;
  readonly configuration: Configuration | null;
  readonly pkcs12: OpenedPkcs12 | null;
  /** What of it cannot be read: the rest of a sentence that begins with the file's name. */
  readonly fault: string | null;
}

const NOTHING = {
  certificates: [],
  form: null,
  key: null,
  url: null,
  configuration: null,
  pkcs12: null,
  fault: null,
} as const;
type Content = Omit<ReadFile, 'path' | 'mode' | 'octets' | 'holds'>;

/** TRUSTED: OpenSSL's own form, with what it is trusted for behind the certificate. */
const CERTIFICATE = /^(?:X509 |TRUSTED )?CERTIFICATE$/;
const KEY = /PRIVATE KEY$/;

/** Headers inside a block (RFC 1421, 4.6), which the older form of an encrypted key has. */
const withoutHeaders = (text: string): string => text.replace(/^(?:Proc-Type|DEK-Info): .*\r?\n/gm, '');

const firstOf = (octets: Uint8Array): Uint8Array => elementBytes(readElement(octets));

function readPem(text: string): Content {
  const blocks = parsePem(withoutHeaders(text));
  const certificates = blocks
    .filter(({ label }) => CERTIFICATE.test(label))
    .map(({ label, der }) => parseForeignCertificate(label.startsWith('TRUSTED') ? firstOf(der) : der));
  const hasKey = blocks.some(({ label }) => KEY.test(label));
  return {
    ...NOTHING,
    certificates,
    form: certificates.length > 0 ? 'pem' : null,
    key: hasKey ? readPemKey(text, isPrivateKeyEncrypted(text)) : null,
  };
}

const asUnreadable = (failure: unknown): Content => {
  if (!(failure instanceof PkiError)) throw failure;
  return { ...NOTHING, fault: `cannot be read. ${failure.message}` };
};

function readDer(octets: Uint8Array): Content {
  if (isDerKey(octets)) return { ...NOTHING, key: readDerKey(octets) };
  try {
    return { ...NOTHING, certificates: [parseForeignCertificate(octets)], form: 'der' };
  } catch (failure) {
    return asUnreadable(failure);
  }
}

function readPkcs12(octets: Uint8Array, passphrase: string): Content {
  try {
    const pkcs12 = parsePkcs12(octets, passphrase);
    return {
      ...NOTHING,
      pkcs12,
      certificates: pkcs12.certificates.map(parseForeignCertificate),
      form: 'pkcs12',
      key: pkcs12.privateKey === null ? null : readDerKey(pkcs12.privateKey, 'pkcs12'),
    };
  } catch (failure) {
    return asUnreadable(failure);
  }
}

function readSettings(text: string): Content {
  const configuration = readConfiguration(text);
  return typeof configuration === 'string'
    ? { ...NOTHING, fault: `is not read as it was meant: ${configuration}.` }
    : { ...NOTHING, configuration };
}

const PKCS12_NAME = /\.(?:p12|pfx)$/i;
const URL_NAME = /\.url$/;
/** A SEQUENCE of more than 127 octets, or a key, which may be shorter. */
const isDer = (octets: Uint8Array): boolean =>
  octets[0] === TAG.sequence && ((octets[1] ?? 0) > 0x80 || isDerKey(octets));

function readText(name: string, text: string): Content {
  if (/-----BEGIN [A-Z0-9 ]+-----/.test(text)) {
    try {
      return readPem(text);
    } catch (failure) {
      return asUnreadable(failure);
    }
  }
  if (name.endsWith('.toml')) return readSettings(text);
  if (URL_NAME.test(name) || /^\s*https?:\/\/\S*\s*$/.test(text)) return { ...NOTHING, url: text };
  // AWS IoT's clients are told a host.
  if (name === 'endpoint') return { ...NOTHING, url: `https://${text}` };
  return NOTHING;
}

/** Looks at what is in a file; its name only helps. The passphrase is for PKCS#12. */
export function readFile({ path, mode, content }: GivenFile, passphrase: string): ReadFile {
  const name = baseName(path);
  const file = { path, mode, octets: content.length, holds: describeContent(content) };
  if (PKCS12_NAME.test(name)) return { ...file, ...readPkcs12(content, passphrase) };
  if (isDer(content)) return { ...file, ...readDer(content) };
  return { ...file, ...readText(name, Buffer.from(content).toString('utf8')) };
}
