/** Why a gateway does not take a client: OpenSSL's name for it, and what it means. */
export interface Refusal {
  /** As Node names what OpenSSL found; `NO_CERTIFICATE` and `UNSPECIFIED` are not OpenSSL's. */
  readonly code: string;
  readonly reason: string;
}

const NO_CHAIN =
  'its issuer is neither presented nor trusted here: present the intermediates after the certificate, or let the gateway trust them';

/** In the words of whoever looks after devices; the codes are those of X509_STORE_CTX_get_error(3). */
const REASONS: Readonly<Record<string, string>> = {
  NO_CERTIFICATE: 'it presented no certificate',
  CERT_HAS_EXPIRED: 'its certificate, or one above it, has expired',
  CERT_NOT_YET_VALID: 'its certificate, or one above it, is not yet valid',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NO_CHAIN,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NO_CHAIN,
  UNABLE_TO_GET_ISSUER_CERT:
    'its chain leads to a certificate that is trusted here, but no root: the gateway must trust the root as well',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself, and not trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'its chain leads to a root that is not trusted here: a device of another fleet',
  CERT_SIGNATURE_FAILURE: 'a signature in its chain does not verify: a CA of the same name has another key',
  INVALID_CA: 'a certificate above it is no CA',
  PATH_LENGTH_EXCEEDED: 'a CA above it allows no further CA below it',
  CERT_CHAIN_TOO_LONG: 'more than ten certificates stand between it and the root',
  INVALID_PURPOSE:
    'its certificate, or one above it, is not for TLS clients: look at extendedKeyUsage and keyUsage (a root with serverAuth alone does this to every device)',
  CERT_REVOKED: 'its certificate, or one above it, was revoked',
  UNABLE_TO_GET_CRL: 'there is no CRL of an issuer in its chain, and every one is due where there are any',
  CRL_HAS_EXPIRED: 'the CRL of an issuer in its chain has expired',
  CRL_NOT_YET_VALID: 'the CRL of an issuer in its chain is not yet valid',
  CRL_SIGNATURE_FAILURE: 'the CRL of an issuer in its chain does not verify',
  CERT_UNTRUSTED: 'a CA above it is not trusted for this',
  UNSPECIFIED:
    'OpenSSL does not take its chain: an unknown critical extension, a key or digest that is too weak, or a CRL of a CA that may sign none',
};

/** A refusal by its code; `details` are sentences of our own reading of the chain. */
export function refusalOf(code: string, details: readonly string[] = []): Refusal {
  const reason = REASONS[code] ?? `OpenSSL says ${code}`;
  return { code, reason: details.length === 0 ? reason : `${reason} (${details.join('; ')})` };
}

/** What ended a handshake, by Node's code: it never came to a judgement of the certificate. */
const FAILURES: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: 'it spoke plain HTTP: its gateway.url begins with http:',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA:
    'it does not trust this gateway: the root of the gateway is not in its root.crt',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'it does not take the certificate of this gateway',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it does not take the certificate of this gateway',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    'it takes the certificate of this gateway for expired: look at its clock',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it knows neither TLS 1.2 nor TLS 1.3',
  ERR_SSL_NO_SHARED_CIPHER: 'it has no cipher suite in common with this gateway',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what it spoke is no TLS',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'it did not finish the handshake in time',
  ECONNRESET: 'it hung up during the handshake',
};

/** Words for a handshake that failed. */
export const failureOf = (code: string): Refusal => ({
  code,
  reason: FAILURES[code] ?? `the handshake failed: ${code}`,
});
