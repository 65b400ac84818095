import { PkiError } from '../errors.ts';
import type { Request } from './web.ts';

const MEDIA_TYPE = /^([!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+)\s*(?:;(.*))?$/;
const UTF_8 = /^\s*charset\s*=\s*"?utf-?8"?\s*$/i;

/** The parameters that change what the octets mean; others (RFC 9110, 8.3.1) are passed over. */
const charsets = (parameters: string): readonly string[] =>
  parameters.split(';').filter((parameter) => /^\s*charset\s*=/i.test(parameter));

function typeOf<T extends string>(req: Request, known: readonly T[]): T {
  const [, type, parameters = ''] = MEDIA_TYPE.exec(req.headers['content-type']?.trim() ?? '') ?? [];
  const found = known.find((one) => one === type?.toLowerCase());
  if (found === undefined) {
    throw new PkiError('unsupported-media-type', `The body's Content-Type must be ${known.join(' or ')}.`);
  }
  if (!charsets(parameters).every((parameter) => UTF_8.test(parameter))) {
    throw new PkiError('unsupported-media-type', 'The only charset is utf-8.');
  }
  return found;
}

/** The Content-Encoding, lower case; `x-gzip` is `gzip` (RFC 9110, 8.4.1.3). */
function codingOf(req: Request): string {
  const coding = req.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  return coding === 'x-gzip' ? 'gzip' : coding;
}

/**
 * The request's media type, lower case, if it is one of `known`. Refuses `unsupported-media-type`:
 * another one, none, a charset other than UTF-8, a Content-Encoding.
 */
export function mediaTypeOf<T extends string>(req: Request, known: readonly T[]): T {
  const found = typeOf(req, known);
  if (codingOf(req) === 'identity') return found;
  throw new PkiError('unsupported-media-type', 'A body with a Content-Encoding is not taken: send it plain.');
}

/** As `mediaTypeOf`, for a body that may come compressed where its type is one of `compressible`. */
export function codedMediaTypeOf<T extends string>(
  req: Request,
  known: readonly T[],
  compressible: readonly T[],
): { readonly type: T; readonly isGzip: boolean } {
  const type = typeOf(req, known);
  const coding = codingOf(req);
  if (coding === 'identity') return { type, isGzip: false };
  if (coding === 'gzip' && compressible.includes(type)) return { type, isGzip: true };
  throw new PkiError(
    'unsupported-media-type',
    `The only Content-Encoding is gzip, and with ${compressible.join(', ')} alone.`,
  );
}
