const PEM_KINDS: readonly (readonly [RegExp, string])[] = [
  [/CERTIFICATE REQUEST$/, 'a certificate request'],
  [/CERTIFICATE$/, 'a certificate'],
  [/PRIVATE KEY$/, 'a private key'],
  [/PUBLIC KEY$/, 'a public key'],
  [/^(?:PKCS7|CMS)$/, 'PKCS#7 (of which "openssl pkcs7 -print_certs" makes PEM)'],
  [/CRL$/, 'a CRL'],
];

const kindOf = (label: string): string => PEM_KINDS.find(([form]) => form.test(label))?.[1] ?? label;

const isUtf16 = ([first, second]: Uint8Array): boolean =>
  (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);

/** Says what is in a file that should hold something else, for a sentence: `a certificate request`. */
export function describeContent(content: Uint8Array): string {
  if (content.length === 0) return 'nothing';
  if (isUtf16(content)) return 'text in UTF-16, as Windows writes it, where UTF-8 is due';
  const text = Buffer.from(content.subarray(0, 256 * 1024)).toString('utf8');
  const labels = [...text.matchAll(/-----BEGIN ([A-Z0-9# ]+)-----/g)].map(([, label = '']) => label);
  if (labels.length > 0) return [...new Set(labels.map(kindOf))].join(' and ');
  if (/^\s*<(?:!doctype|html)/i.test(text)) return 'an HTML page, such as the error of a download';
  if (content[0] === 0x50 && content[1] === 0x4b) return 'a zip';
  return /\p{Cc}/u.test(text.replace(/[\r\n\t]/g, '')) ? 'octets that are no PEM' : 'other text';
}
