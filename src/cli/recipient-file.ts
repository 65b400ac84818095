import { parsePem } from '../asn1/index.ts';
import { readTextFile } from './files.ts';
import { LocalFailure } from './local-failure.ts';

/** The certificate of a recipient in a file. */
export interface RecipientFile {
  /** As it was given. */
  readonly path: string;
  readonly pem: string;
  /** The value of `Recipient-Certificate`: a byte sequence (RFC 8941, 3.3.5). */
  readonly header: string;
}

/** Reads one certificate, PEM. Rejects with `usage`; whether it can be used is the service's judgement. */
export async function readRecipientFile(path: string): Promise<RecipientFile> {
  const pem = await readTextFile(path);
  // A file with the key beside the certificate must not be sent.
  const [block, second] = pem.includes('PRIVATE KEY') ? [] : parsePem(pem);
  if (block?.label !== 'CERTIFICATE' || second !== undefined) {
    throw new LocalFailure('usage', `${path} is not one certificate in PEM, alone.`);
  }
  return { path, pem, header: `:${Buffer.from(block.der).toString('base64')}:` };
}
