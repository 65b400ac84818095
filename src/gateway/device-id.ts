import { OID, TAG } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { type PeerAttribute, readPeerSubject, subjectLine } from './subject-line.ts';

/** Whom a gateway takes a certificate for. */
export interface DerivedId {
  /** As ota-ce's nginx derives it; empty where it finds nothing. */
  readonly deviceId: string;
  /** The subject as nginx has it, the last attribute first. */
  readonly subject: string;
  /** Where another gateway, or the device itself, would take another ID: one sentence each. */
  readonly warnings: readonly string[];
}

/** ota-ce: `if ($ssl_client_s_dn ~ "CN=(.*)$")`: from the first `CN=` in the line to its end. */
const NGINX_ID = /CN=(.*)$/s;

/** String types of a CN that the devices' client reads; of any other it makes an empty ID and reports success. */
const READ_BY_CLIENT: ReadonlySet<number> = new Set([TAG.utf8String, TAG.printableString]);

const quote = (text: string): string => JSON.stringify(text);

function commonNameWarnings(names: readonly PeerAttribute[]): readonly string[] {
  const [first] = names;
  const last = names.at(-1);
  if (!first || !last) {
    return ['the subject has no common name: the client stops at once, and a gateway passes an empty ID on'];
  }
  const warnings: string[] = [];
  if (names.length > 1) {
    warnings.push(
      `the subject has ${names.length} common names: the client and HAProxy take the first, ${quote(first.text ?? '')}, other gateways the last, ${quote(last.text ?? '')}`,
    );
  }
  if (!READ_BY_CLIENT.has(first.tag)) {
    warnings.push(
      'the common name is neither UTF8String nor PrintableString: the client may read an empty ID, and HAProxy passes its raw octets on',
    );
  }
  return warnings;
}

function derivationWarnings(deviceId: string, names: readonly PeerAttribute[]): readonly string[] {
  const cn = names[0]?.text;
  if (cn === undefined || deviceId === cn) return [];
  const own = subjectLine([names.slice(0, 1)]).slice('CN='.length);
  if (deviceId === own) {
    return [
      `ota-ce's nginx takes the ID with escapes, ${quote(deviceId)}; who reads the common name takes ${quote(cn)}`,
    ];
  }
  return [
    `ota-ce's nginx takes ${quote(deviceId)} for the ID, for it reads on to the end of the subject; who reads the common name takes ${quote(cn)}`,
  ];
}

function useWarnings(deviceId: string): readonly string[] {
  return /[/?#%\\]|^\.{1,2}$/.test(deviceId)
    ? [`the ID ${quote(deviceId)} does not pass unchanged as a segment of a path`]
    : [];
}

/** Derives the device ID from what a peer presents, DER. Never refuses: what cannot be read has no ID. */
export function deriveDeviceId(certificate: Uint8Array): DerivedId {
  try {
    const subject = readPeerSubject(certificate);
    const line = subjectLine(subject);
    const deviceId = NGINX_ID.exec(line)?.[1] ?? '';
    const names = subject.flat().filter(({ type }) => type === OID.commonName);
    return {
      deviceId,
      subject: line,
      warnings: [
        ...commonNameWarnings(names),
        ...derivationWarnings(deviceId, names),
        ...useWarnings(deviceId),
      ],
    };
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    return {
      deviceId: '',
      subject: '',
      warnings: ['the certificate is not in DER, and its subject cannot be read'],
    };
  }
}
