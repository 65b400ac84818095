import { PkiError } from '../errors.ts';

const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----/;

/**
 * Refuses `bad-pem` where a private key was pasted into the text of a request, wherever it stands: in a
 * label, a reason, or a name that a violation would repeat, it would be kept. To be asked before anything
 * is read from the text.
 */
export function verifyNoPrivateKey(text: string): void {
  if (!PRIVATE_KEY.test(text)) return;
  throw new PkiError(
    'bad-pem',
    'There is a private key in the request. Nothing of it was kept; but it has left its place, so make a new one.',
  );
}
