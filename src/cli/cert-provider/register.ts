import { type RequestOptions, request } from 'node:https';
import { PkiError } from '../../errors.ts';
import { encodeCertificatePem, encodePrivateKeyPem, type Pkcs12Contents } from '../../x509/index.ts';
import { errnoOf, LocalFailure } from '../local-failure.ts';
import { printable } from '../table.ts';

/** Who may register devices: the contents of autoprov_credentials.p12, and where. */
export interface Registrar {
  /** `autoprov.url`. */
  readonly url: string;
  readonly credentials: Pkcs12Contents;
}

/** What the original asks for, the default of aktualizr's `provision.expiry_days`; the server decides. */
const TTL_DAYS = 36_000;
const PATIENCE_MS = 30_000;
/** A key of RSA 8192, and a chain. */
const MAX_ANSWER_OCTETS = 256 * 1024;

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

function endpointOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base?.protocol !== 'https:') {
    throw new LocalFailure(
      'usage',
      'autoprov.url in the credentials is not an https:// URL: nothing was sent there.',
    );
  }
  return new URL(`${url.replace(/\/+$/, '')}/devices`);
}

function tlsOf({ privateKey, certificates }: Pkcs12Contents): RequestOptions {
  const [own, ...cas] = certificates;
  if (privateKey === null || own === undefined) {
    throw new LocalFailure('usage', 'autoprov_credentials.p12 has no key with its certificate.');
  }
  if (cas.length === 0) {
    throw new LocalFailure('usage', 'autoprov_credentials.p12 has no CA certificate to know the server by.');
  }
  return {
    key: encodePrivateKeyPem(privateKey),
    cert: [own, ...cas].map(encodeCertificatePem).join(''),
    ca: cas.map(encodeCertificatePem),
  };
}

/** A failure of the connection, in words for whoever holds the credentials. */
function explain(failure: unknown, { origin }: URL): unknown {
  const code = errnoOf(failure) ?? '';
  if (failure instanceof LocalFailure || code === '') return failure;
  if (/^(ERR_TLS_CERT|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|INVALID_)/.test(code)) {
    return new LocalFailure(
      'untrusted',
      `${origin} is not the server that autoprov_credentials.p12 vouches for (${code}).`,
      { cause: failure },
    );
  }
  if (/ALERT|HANDSHAKE_FAILURE/.test(code)) {
    return new LocalFailure('login-refused', `${origin} refused the registration certificate (${code}).`, {
      hint: 'it may have expired, or been revoked: get new credentials',
      cause: failure,
    });
  }
  if (['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code))
    return new LocalFailure('unreachable', `${origin} cannot be reached (${code}).`, { cause: failure });
  return new LocalFailure('cut-off', `The connection to ${origin} broke off (${code}).`, {
    hint: 'the server may have registered the device all the same: then it needs another CN, or to be removed there first',
    cause: failure,
  });
}

function post(endpoint: URL, tls: RequestOptions, body: string, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const sent = request(endpoint, {
      ...tls,
      agent: false,
      method: 'POST',
      headers,
      signal,
      timeout: PATIENCE_MS,
    });
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    sent.on('error', reject);
    sent.on('response', (answer) => {
      const pieces: Buffer[] = [];
      let octets = 0;
      answer.on('data', (piece: Buffer) => {
        octets += piece.length;
        if (octets > MAX_ANSWER_OCTETS)
          answer.destroy(new LocalFailure('service-defect', 'The answer does not end.'));
        else pieces.push(piece);
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(pieces) }));
    });
    sent.end(body);
  });
}

/** The fields of an error body that servers of this kind fill: ota-ce's own, or a problem's. */
function readError(body: Buffer): { readonly code: string; readonly text: string } {
  try {
    const { code, description, detail } = JSON.parse(body.toString('utf8'));
    return {
      code: typeof code === 'string' ? code : '',
      text: printable(String(description ?? detail ?? '')).slice(0, 300),
    };
  } catch {
    // A proxy's page, as likely as not.
    return { code: '', text: '' };
  }
}

function refusalOf({ status, body }: Answer, deviceId: string, { origin }: URL): PkiError | LocalFailure {
  const { code, text } = readError(body);
  if (code === 'device_already_registered') {
    return new PkiError(
      'already-exists',
      `${origin} has a device ${deviceId} already; its credentials were handed out then.`,
    );
  }
  const said = `${origin} answered ${status}${code === '' ? '' : ` ${printable(code).slice(0, 64)}`}${text === '' ? '' : `: ${text}`}`;
  if (status === 429 || status === 502 || status === 503 || status === 504)
    return new PkiError('busy', `${said}.`);
  // 400 is also how nginx refuses a client certificate.
  if (status < 500)
    return new LocalFailure('login-refused', `${said}.`, {
      hint: 'it may not take the registration certificate, or not this device',
    });
  return new LocalFailure('service-defect', `${said}.`);
}

/**
 * Registers a device as aktualizr does: `POST {autoprov.url}/devices` over mutual TLS. Gives the answer,
 * PKCS#12: a key and a certificate that the server made.
 * Rejects with `already-exists` where the ID is taken, `login-refused`, `untrusted`, `unreachable`,
 * `cut-off`, `busy`, `service-defect`.
 */
export async function registerDevice(
  registrar: Registrar,
  deviceId: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const endpoint = endpointOf(registrar.url);
  const tls = tlsOf(registrar.credentials);
  const body = JSON.stringify({ deviceId, ttl: TTL_DAYS });
  const answer = await post(endpoint, tls, body, signal).catch((failure: unknown) => {
    throw explain(failure, endpoint);
  });
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw refusalOf(answer, deviceId, endpoint);
}
