import { LocalFailure } from './local-failure.ts';

/** As the service has it for a row and for a single request. */
export const MAX_CSR_OCTETS = 64 * 1024;

const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----/;
const REQUEST = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/;

/** What a file turned out to hold. */
export type CsrContent =
  /** As the `csr` of a JSON request: the PEM text, or DER in base64. */
  | { readonly kind: 'request'; readonly csr: string }
  | { readonly kind: 'private-key' }
  | { readonly kind: 'nothing' };

/**
 * Looks at the octets of a file that may hold a request. Whether it is a proper one is the service's
 * judgement; that a private key never leaves this machine is ours.
 */
export function readCsrContent(octets: Uint8Array): CsrContent {
  const buffer = Buffer.from(octets);
  const text = buffer.toString('latin1');
  if (PRIVATE_KEY.test(text)) return { kind: 'private-key' };
  if (REQUEST.test(text)) return { kind: 'request', csr: buffer.toString('utf8') };
  // A certificate beside the requests is no request; other PEM is not DER either.
  if (text.includes('-----BEGIN ') || buffer.length === 0) return { kind: 'nothing' };
  return { kind: 'request', csr: buffer.toString('base64') };
}

/** The request in a file that is named for one. Throws `usage`. */
export function requireCsr(octets: Uint8Array, from: string): string {
  if (octets.length > MAX_CSR_OCTETS) {
    throw new LocalFailure('usage', `${from} has more than ${MAX_CSR_OCTETS} octets: that is no request.`);
  }
  const content = readCsrContent(octets);
  if (content.kind === 'request') return content.csr;
  if (content.kind === 'nothing')
    throw new LocalFailure('usage', `${from} does not hold a certificate request.`);
  throw new LocalFailure('usage', `${from} holds a private key, which was not sent.`, {
    hint: 'keep the key on the device, and send the request alone',
  });
}
