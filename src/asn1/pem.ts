import { PkiError } from '../errors.ts';

export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array;
}

const LINE = 64;
const BOUNDARY = /-----(BEGIN|END) ([A-Z0-9# ]*)-----/g;
const BODY = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

function refuse(message: string): never {
  throw new PkiError('bad-pem', message);
}

/** Writes one block with lines of 64 characters and a final newline (RFC 7468, section 2). */
export function encodePem(label: string, der: Uint8Array): string {
  const body = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64');
  let text = `-----BEGIN ${label}-----\n`;
  for (let at = 0; at < body.length; at += LINE) text += `${body.slice(at, at + LINE)}\n`;
  return `${text}-----END ${label}-----\n`;
}

/** Base64 without tolerance: alphabet, padding and zero pad bits are checked. */
function decodeBody(label: string, body: string): Uint8Array {
  const text = body.replace(/\s+/g, '');
  if (text === '') return refuse(`The ${label} block is empty.`);
  if (!BODY.test(body) || text.length % 4 !== 0) return refuse(`The ${label} block is not base64.`);
  const der = Buffer.from(text, 'base64');
  if (der.toString('base64') !== text)
    return refuse(`The ${label} block is not base64 in its one right form.`);
  return der;
}

/**
 * All blocks of a text, in order. Text before, between and after them is ignored (RFC 7468, section
 * 2 and 5.2). Refuses with `bad-pem`: BEGIN without its END, labels that differ, a body that is not
 * exact base64.
 */
export function parsePem(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { label: string; from: number } | undefined;
  for (const match of text.matchAll(BOUNDARY)) {
    const [whole, kind, label = ''] = match;
    if (kind === 'BEGIN') {
      if (open) return refuse(`BEGIN ${open.label} has no END before the next BEGIN.`);
      open = { label, from: match.index + whole.length };
      continue;
    }
    if (!open) return refuse(`END ${label} stands without a BEGIN.`);
    if (open.label !== label) return refuse(`BEGIN ${open.label} is closed by END ${label}.`);
    blocks.push({ label, der: decodeBody(label, text.slice(open.from, match.index)) });
    open = undefined;
  }
  if (open) return refuse(`BEGIN ${open.label} has no END: the file is cut off.`);
  return blocks;
}
