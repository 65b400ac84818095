import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Signer } from '../ca/index.ts';
import { signAndVerify } from '../ca/index.ts';
import { parseStrictJson } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import { assembleDetachedSignature, type Certificate, encodeSignedAttributes } from '../x509/index.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const instant = z.iso.datetime();
const line = z.string().min(1).max(1000);

/** A file by its name, and the SHA-256 of its octets. */
const hashedFile = z.strictObject({ file: line, sha256: hash });

export const TRANSCRIPT_FORMAT = 'fleetca-ceremony-1';

const transcriptSchema = z.strictObject({
  format: z.literal(TRANSCRIPT_FORMAT),
  /** True: throw-away keys. Nothing of it is to be believed. */
  rehearsal: z.boolean(),
  ceremony: z.enum(['root', 'issuing', 'cross', 'crl']),
  title: line,
  /** Of fleetca. */
  version: line,
  custodians: z.array(line).min(1).max(16),
  key: z.strictObject({
    place: z.enum(['file', 'token', 'throw-away']),
    /** SHA-256 of the SubjectPublicKeyInfo. */
    publicKey: hash,
    made: z.boolean(),
    shares: z.strictObject({ needed: z.int(), total: z.int() }).nullable(),
  }),
  inputs: z.array(hashedFile).max(16),
  outputs: z.array(hashedFile).min(1).max(16),
  steps: z.array(z.strictObject({ at: instant, step: line })).max(100),
  startedAt: instant,
  endedAt: instant,
});

/** What was done, by whom and when. */
export type Transcript = Readonly<z.output<typeof transcriptSchema>>;

/** SHA-256, hex. */
export const hashOf = (content: Uint8Array | string): string =>
  createHash('sha256').update(content).digest('hex');

/** The octets that are signed. */
export const encodeTranscript = (transcript: Transcript): string =>
  `${JSON.stringify(transcriptSchema.parse(transcript), null, 2)}\n`;

/** Refuses `bad-ceremony`. */
export function parseTranscript(text: string): Transcript {
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (cause) {
    throw new PkiError('bad-ceremony', 'The transcript is no JSON.', { cause });
  }
  const result = transcriptSchema.safeParse(value);
  if (result.success) return result.data;
  const violations = result.error.issues.map(({ path, message }) => ({ at: path.join('.'), message }));
  throw new PkiError('bad-ceremony', 'The transcript is not of the form that this version reads.', {
    violations: violations.slice(0, 8),
  });
}

/** Signs a transcript with the key of the ceremony's CA: CMS SignedData beside it, DER. */
export async function signTranscript(
  content: string,
  { signer, certificate }: { readonly signer: Signer; readonly certificate: Certificate },
  at: Date,
): Promise<Uint8Array> {
  const signedAt = new Date(Math.floor(at.getTime() / 1000) * 1000);
  const attributes = encodeSignedAttributes(signer.algorithm, Buffer.from(content), signedAt);
  const signature = await signAndVerify(signer, attributes);
  return assembleDetachedSignature(certificate, signer.algorithm, attributes, signature);
}
