import type { RefusalCode } from '../../src/errors.ts';
import { certificateOf } from './certificate.ts';
import { csr } from './csr.ts';
import { pem } from './der.ts';
import { ecKey } from './keys-ec.ts';
import { pkcs8Of } from './pkcs8.ts';
import { issued, refused, type Vector } from './vector.ts';

const LABEL = 'CERTIFICATE REQUEST';
const clause = 'RFC 7468, 2, 3 and 7';

const good = (stem: string, text: (armoured: string) => string, why: string): Vector =>
  issued(`${stem}.pem`, Buffer.from(text(pem(LABEL, csr(stem)))), { warnings: 0, why, clause });

const bad = (
  stem: string,
  text: string | Buffer,
  why: string,
  ...alsoCodes: readonly RefusalCode[]
): Vector => refused(`${stem}.pem`, 'bad-pem', Buffer.from(text), { why, clause, alsoCodes });

/** The armour around a request, or around what should not be in it. */
export function pemCases(): readonly Vector[] {
  const request = csr('pem-refused');
  const text = pem(LABEL, request);
  const key = pem('PRIVATE KEY', pkcs8Of(ecKey('pem-refused')));
  const encrypted = pem('ENCRYPTED PRIVATE KEY', pkcs8Of(ecKey('pem-refused')));
  const boundary = (kind: string) => `-----${kind} ${LABEL}-----`;
  const [, ...body] = text.trim().split('\n');
  return [
    good('pem-good', (t) => t, 'text armour'),
    good('pem-crlf', (t) => t.replaceAll('\n', '\r\n'), 'lines end with CR LF'),
    good(
      'pem-preamble',
      (t) => `Certificate Request:\n    Data:\n        Version: 1 (0x0)\n${t}`,
      'explanatory text stands before the block',
    ),
    good('pem-epilogue', (t) => `${t}\nmade on line 7\n`, 'text follows the block'),
    good('pem-no-final-newline', (t) => t.trimEnd(), 'the last line has no end'),
    good('pem-byte-order-mark', (t) => `\uFEFF${t}`, 'a byte order mark is text before the block'),
    good('pem-new-label', (t) => t.replaceAll(LABEL, `NEW ${LABEL}`), 'the older label, which readers take'),
    bad('pem-two-requests', text + text, 'two requests where one is due'),
    bad(
      'pem-request-and-key',
      text + key,
      'a private key beside the request: it must appear in no log, message or database',
    ),
    bad('pem-key-and-request', key + text, 'a private key before the request'),
    bad('pem-request-and-encrypted-key', text + encrypted, 'an encrypted private key beside the request'),
    bad('pem-private-key', key, 'a private key in place of a request'),
    bad(
      'pem-certificate',
      pem('CERTIFICATE', certificateOf('pem-refused')),
      'a certificate in place of a request',
    ),
    bad(
      'pem-request-labelled-certificate',
      pem('CERTIFICATE', request),
      'a request under the label of a certificate',
    ),
    bad(
      'pem-labels-differ',
      text.replace(boundary('END'), '-----END CERTIFICATE-----'),
      'BEGIN and END name different things',
    ),
    bad('pem-no-label', text.replaceAll(` ${LABEL}`, ' '), 'the label is empty'),
    bad('pem-only-begin', [boundary('BEGIN'), ...body.slice(0, -1)].join('\n'), 'END is missing'),
    bad('pem-only-end', body.join('\n'), 'BEGIN is missing'),
    bad('pem-nested', `${boundary('BEGIN')}\n${text}${boundary('END')}\n`, 'a block begins within a block'),
    bad('pem-empty-body', `${boundary('BEGIN')}\n${boundary('END')}\n`, 'nothing stands in the block'),
    bad('pem-bad-character', text.replace('\nM', '\n*M'), 'a character outside the alphabet'),
    bad(
      'pem-base64url',
      text.replaceAll('+', '-').replaceAll('/', '_').replace('\nM', '\nM-_'),
      'the alphabet of URLs',
    ),
    bad('pem-padding-in-the-middle', text.replace('\nMI', '\nMI=='), 'padding stands in the middle'),
    bad(
      'pem-odd-length',
      pem(LABEL, request).replace('\nM', '\n'),
      'a character of the base64 is missing',
      'bad-der',
    ),
    bad(
      'pem-pad-bits-set',
      padBits(pem(LABEL, csr('pem-refused-4'))),
      'the spare bits of the last character are not zero',
    ),
    bad('pem-white-space', ' \r\n\t\n', 'nothing but white space', 'bad-der', 'bad-csr'),
    bad('pem-utf16', Buffer.from(`\uFEFF${text}`, 'utf16le'), 'UTF-16, as some editors save it', 'bad-der'),
    bad(
      'pem-html',
      '<!doctype html><title>502 Bad Gateway</title>\n',
      'an error page in place of a request',
      'bad-der',
    ),
    refused(
      'pem-certificate-labelled-request.pem',
      'bad-csr',
      Buffer.from(pem(LABEL, certificateOf('pem-refused'))),
      { why: 'a certificate under the label of a request', clause, alsoCodes: ['bad-der'] },
    ),
    refused(
      'pem-key-labelled-request.pem',
      'bad-csr',
      Buffer.from(pem(LABEL, pkcs8Of(ecKey('pem-refused')))),
      { why: 'a private key under the label of a request', clause, alsoCodes: ['bad-der', 'bad-pem'] },
    ),
    refused(
      'pem-trailing-octet.pem',
      'bad-der',
      Buffer.from(pem(LABEL, Buffer.concat([request, Buffer.of(0)]))),
      { why: 'an octet follows the request inside the armour', clause: 'RFC 2986, 4' },
    ),
  ];
}

/** Sets the lowest spare bit of the last character before the padding; a request without padding gets none. */
function padBits(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return text.replace(/(.)=/, (_, last: string) => `${alphabet[alphabet.indexOf(last) | 1]}=`);
}
