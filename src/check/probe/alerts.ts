/** An alert of TLS (RFC 8446, 6.2), and what a gateway means by it when a device comes. */
export interface Alert {
  readonly number: number;
  readonly name: string;
  readonly meaning: string;
}

const ALERTS: readonly Alert[] = [
  {
    number: 40,
    name: 'handshake_failure',
    meaning: 'it has nothing in common with this client, or misses its certificate',
  },
  {
    number: 42,
    name: 'bad_certificate',
    meaning: 'it cannot read the certificate, or a signature in the chain does not verify',
  },
  {
    number: 43,
    name: 'unsupported_certificate',
    meaning:
      'the certificate, or a CA above it, is not for clients (extendedKeyUsage, keyUsage), or its kind of key is not taken',
  },
  { number: 44, name: 'certificate_revoked', meaning: 'the certificate was revoked' },
  {
    number: 45,
    name: 'certificate_expired',
    meaning:
      "the certificate, a CA above it or the gateway's CRL has expired, or is not yet valid, by the gateway's clock",
  },
  {
    number: 46,
    name: 'certificate_unknown',
    meaning: 'it does not take the certificate, and does not say why',
  },
  {
    number: 48,
    name: 'unknown_ca',
    meaning: 'it does not trust the CA that the chain leads to, or an intermediate is missing',
  },
  { number: 49, name: 'access_denied', meaning: 'the certificate is good, and this device may not come in' },
  {
    number: 51,
    name: 'decrypt_error',
    meaning:
      'a signature does not verify: key and certificate do not fit, or a CA of the same name has another key',
  },
  { number: 70, name: 'protocol_version', meaning: 'it does not speak this version of TLS' },
  {
    number: 71,
    name: 'insufficient_security',
    meaning: 'the key, or a digest in the chain, is too weak for it',
  },
  { number: 80, name: 'internal_error', meaning: 'it failed by itself; its log says why' },
  { number: 112, name: 'unrecognized_name', meaning: 'it serves no host of this name' },
  { number: 116, name: 'certificate_required', meaning: 'it demands a certificate, and none was presented' },
];

const KNOWN: ReadonlyMap<string, Alert> = new Map(ALERTS.map((alert) => [alert.name, alert]));

/** Node's codes: ERR_SSL_TLSV1_ALERT_UNKNOWN_CA, ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE, ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED. */
const CODE = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?([A-Z0-9_]+)$/;

/** The alert in a code of Node; undefined where it is about something else. */
export function alertOf(code: string | undefined): Alert | undefined {
  const name = CODE.exec(code ?? '')?.[1]?.toLowerCase();
  return name === undefined ? undefined : KNOWN.get(name);
}
