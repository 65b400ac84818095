/** Somebody whom keys are encrypted for, with what OpenSSL makes of an envelope. */
import { parsePem } from '../../src/asn1/index.ts';
import { opensslFolder } from './openssl.ts';

const HOW = {
  'rsa-2048': ['rsa:2048'],
  'P-256': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
} as const;

export interface TestRecipient {
  readonly pem: string;
  /** The value of `Recipient-Certificate`. */
  readonly header: string;
  /** The private key in an envelope, PKCS#8 in DER, as `openssl cms -decrypt` gives it. */
  open(envelopePem: string): Buffer;
  remove(): void;
}

export function makeRecipient(kind: keyof typeof HOW = 'P-256', ...more: readonly string[]): TestRecipient {
  const openssl = opensslFolder();
  const files = ['-keyout', 'key.pem', '-out', 'cert.pem', '-subj', '/CN=line', '-days', '30'];
  openssl.run('req', '-x509', '-newkey', ...HOW[kind], '-nodes', ...files, ...more);
  const pem = openssl.read('cert.pem');
  const der = parsePem(pem)[0]?.der ?? new Uint8Array();
  return {
    pem,
    header: `:${Buffer.from(der).toString('base64')}:`,
    open: (envelope) => {
      openssl.write('envelope.pem', envelope);
      const how = ['-inform', 'PEM', '-in', 'envelope.pem', '-recip', 'cert.pem', '-inkey', 'key.pem'];
      openssl.run('cms', '-decrypt', ...how, '-out', 'opened');
      return openssl.readOctets('opened');
    },
    remove: openssl.remove,
  };
}
