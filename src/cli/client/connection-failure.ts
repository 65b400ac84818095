import { errnoOf, LocalFailure } from '../local-failure.ts';
import type { Trust } from './settings.ts';

const START = 'start it with `fleetca serve`, or say where it is with --url';
const TRUST =
  'name its CA with --ca-file (keys/service-ca.crt on the machine of the service), or the fingerprint that it prints at start with --pin';

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  EADDRNOTAVAIL: 'there is no way to that address',
  ETIMEDOUT: 'it does not answer',
};

const CUT_OFF: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
]);

/** OpenSSL's words for a chain that does not hold, as Node passes them on. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
]);

const DATES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
};

/** Where trust came from, so that the wrong file shows. */
const trustedBy = (trust: Trust): string =>
  trust.kind === 'ca'
    ? `the CA in ${trust.file} has not issued its certificate`
    : 'no CA that is known here has issued its certificate';

function certificateFailure(
  code: string,
  origin: string,
  trust: Trust,
  cause: unknown,
): LocalFailure | undefined {
  const date = DATES[code];
  if (date !== undefined) {
    const hint = 'look at the clocks of both machines; the service renews its own certificate while it runs';
    return new LocalFailure('untrusted', `The certificate of ${origin} ${date}.`, { hint, cause });
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const message = `The certificate of ${origin} is for other names.`;
    const hint = 'use a name that is in it, or start the service with --api-names that hold this one';
    return new LocalFailure('untrusted', message, { hint, cause });
  }
  if (!UNTRUSTED.has(code)) return undefined;
  const message = `Whoever answers at ${origin} is not trusted: ${trustedBy(trust)}.`;
  return new LocalFailure('untrusted', message, { hint: TRUST, cause });
}

/** A failed connection in plain words; anything that is no failure of a connection passes as it is. */
export function connectionFailure(failure: unknown, { origin }: URL, trust: Trust): unknown {
  const code = errnoOf(failure);
  if (code === undefined || failure instanceof LocalFailure) return failure;
  const unreachable = UNREACHABLE[code];
  if (unreachable !== undefined) {
    return new LocalFailure('unreachable', `The service at ${origin} cannot be reached: ${unreachable}.`, {
      hint: START,
      cause: failure,
    });
  }
  if (CUT_OFF.has(code) || code.startsWith('HPE_')) {
    return new LocalFailure('cut-off', `The connection to ${origin} broke off.`, {
      hint: 'ask again; if it lasts, look at the log of the service',
      cause: failure,
    });
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return new LocalFailure(
      'unreachable',
      `What answers at ${origin} does not speak TLS as the service does.`,
      {
        hint: 'look at the port: the API is HTTPS, the public pages are not',
        cause: failure,
      },
    );
  }
  return certificateFailure(code, origin, trust, failure) ?? failure;
}
