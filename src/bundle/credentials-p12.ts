import { createPrivateKey, X509Certificate } from 'node:crypto';
import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { type OpenedPkcs12, parsePkcs12 } from '../x509/index.ts';
import { dateFindings, describeCertificate, type HeldCertificate } from './credentials-certificates.ts';
import { type Finding, findingAt } from './credentials-finding.ts';

/** The password of every PKCS#12 file of the OTA tools. */
const NO_PASSPHRASE = '';

/** Schemes that OpenSSL 3 opens with its legacy provider alone, by the names of `parsePkcs12`. */
const LEGACY: ReadonlySet<string> = new Set(['pbe-sha1-rc2-40', 'pbe-sha1-rc2-128']);

/** What an entry that is a PKCS#12 file is for, and so what must be in it. */
export interface Pkcs12Purpose {
  /** A key with its certificate, or certificates alone. */
  readonly holds: 'key' | 'trust';
  /** True where the certificates of CAs in it are those that the other side is judged by. */
  readonly needsCas: boolean;
}

export interface InspectedPkcs12 {
  readonly opened: OpenedPkcs12 | null;
  readonly held: readonly HeldCertificate[];
  readonly findings: readonly Finding[];
}

function pairFindings(entry: string, { privateKey, certificates }: OpenedPkcs12): readonly Finding[] {
  const { error } = findingAt(entry);
  const [own] = certificates;
  if (privateKey === null) return [error('holds no private key')];
  if (own === undefined) return [error('holds no certificate')];
  const certificate = new X509Certificate(own);
  const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' });
  if (!certificate.checkPrivateKey(key)) return [error('the certificate is not that of the private key')];
  const purposes: readonly string[] | undefined = certificate.keyUsage;
  const mayNot =
    purposes && !purposes.some((one) => one === OID.clientAuth || one === OID.anyExtendedKeyUsage);
  return mayNot
    ? [error('the certificate may not be used by a client (extendedKeyUsage lacks clientAuth)')]
    : [];
}

function contentFindings(entry: string, purpose: Pkcs12Purpose, opened: OpenedPkcs12): readonly Finding[] {
  const { error, warning } = findingAt(entry);
  const legacy = opened.schemes.filter((scheme) => LEGACY.has(scheme));
  const cas = opened.certificates.length - (opened.privateKey === null ? 0 : 1);
  return [
    ...(purpose.holds === 'key' ? pairFindings(entry, opened) : []),
    ...(purpose.holds === 'trust' && opened.privateKey !== null
      ? [warning('holds a private key, where certificates alone belong')]
      : []),
    ...(purpose.needsCas && cas < 1
      ? [error("holds no CA certificate: nothing tells the server's root")]
      : []),
    ...(legacy.length > 0
      ? [
          warning(
            `is protected with ${legacy.join(', ')}, which tools on OpenSSL 3 do not open without its legacy provider`,
          ),
        ]
      : []),
  ];
}

/** Opens an entry with the empty password and looks at what is in it. */
export function inspectPkcs12(
  entry: string,
  purpose: Pkcs12Purpose,
  octets: Uint8Array,
  now: Date,
): InspectedPkcs12 {
  try {
    const opened = parsePkcs12(octets, NO_PASSPHRASE);
    const held = opened.certificates.map((der, i) =>
      describeCertificate(entry, i === 0 && opened.privateKey !== null ? 'own' : 'ca', der),
    );
    return {
      opened,
      held,
      findings: [...contentFindings(entry, purpose, opened), ...dateFindings(held, now)],
    };
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    const hint = 'the tools open it with the empty password';
    return { opened: null, held: [], findings: [findingAt(entry).error(`${failure.message} (${hint})`)] };
  }
}
