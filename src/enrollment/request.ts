import { z } from 'zod';
import { PkiError } from '../errors.ts';
import { DEVICE_KEY_ALGORITHMS, type DeviceKeyAlgorithm } from '../x509/index.ts';
import { type CertificateRequest, REVOKE_OLD, type RequestTerms } from './authorize.ts';
import type { MadeKeyRequest } from './authorize-made-key.ts';

/** U+0000 cannot be stored as text by every engine, and no name needs it. */
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\0]*$/, 'must not hold U+0000');

export const labelsSchema = z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/), text(256));

/** One row of a lot, and the JSON body of a single request less its `authority`. */
export const certificateRowSchema = z.strictObject({
  /** PEM, or DER in base64. */
  csr: z.string().min(1).max(65_536),
  deviceId: text(256).optional(),
  profile: text(63).optional(),
  labels: labelsSchema.optional(),
  /** RFC 3339, with any offset. */
  notAfter: z.iso.datetime({ offset: true }).optional(),
  supersede: z.strictObject({ reason: text(256), revokeOld: z.enum(REVOKE_OLD).optional() }).optional(),
});

/** The fields beside the request itself, where that comes as a file. */
export const certificateFieldsSchema = certificateRowSchema.omit({ csr: true });
export type CertificateFields = z.infer<typeof certificateFieldsSchema>;

export const certificateRequestSchema = certificateRowSchema.extend({ authority: text(63).optional() });

/** One row of a lot whose keys the CA makes. */
export const madeKeyRowSchema = certificateFieldsSchema.extend({
  deviceId: text(256),
  keyAlgorithm: z.enum(DEVICE_KEY_ALGORITHMS).optional(),
});

/** A single request for a key and its certificate. */
export const deviceRequestSchema = madeKeyRowSchema.extend({
  authority: text(63).optional(),
  /** The certificate that the key is encrypted for, PEM. */
  recipient: z.string().min(1).max(16_384).optional(),
});

export type MadeKeyRow = z.infer<typeof madeKeyRowSchema>;
export type CertificateRow = z.infer<typeof certificateRowSchema>;

const MAX_LABELS = 16;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Violations that one refusal lists, and characters of each: they repeat names of the input, and rows keep them. */
const MAX_VIOLATIONS = 16;
const MAX_VIOLATION_CHARACTERS = 200;

const shorten = (said: string): string =>
  said.length <= MAX_VIOLATION_CHARACTERS
    ? said
    : `${said.slice(0, MAX_VIOLATION_CHARACTERS).toWellFormed()}…`;

/** `/a/0`: a JSON pointer (RFC 6901) to where a field does not fit. */
const pointer = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/**
 * Fits a value to a schema. Refuses `bad-json` with one violation for each field that does not fit, as
 * far as 16 of them go.
 */
export function fitJson<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const violations = result.error.issues
    .slice(0, MAX_VIOLATIONS)
    .map(({ path, message }) => ({ at: shorten(pointer(path) || '/'), message: shorten(message) }));
  const first = violations[0];
  throw new PkiError('bad-json', `The JSON does not fit: ${first?.at} ${first?.message}.`, { violations });
}

function decodeCsrField(csr: string): Uint8Array {
  // As UTF-8: in Latin-1 the high octet of a character is cut off, and U+0141 would pass for an A.
  if (csr.includes('-----')) return Buffer.from(csr, 'utf8');
  const body = csr.trim();
  const der = Buffer.from(body, 'base64');
  if (!BASE64.test(body) || der.toString('base64') !== body) {
    throw new PkiError('bad-pem', '`csr` is neither PEM nor DER in base64.');
  }
  return der;
}

function termsOf(fields: CertificateFields): RequestTerms {
  if (fields.labels && Object.keys(fields.labels).length > MAX_LABELS) {
    throw new PkiError('bad-json', `A request has at most ${MAX_LABELS} labels.`);
  }
  return {
    notAfter: fields.notAfter === undefined ? null : new Date(fields.notAfter),
    labels: fields.labels ?? null,
    supersede: fields.supersede ?? null,
  };
}

/** The request that a file and its fields make. Refuses `bad-json`. */
export const requestOfFields = (csr: Uint8Array, fields: CertificateFields): CertificateRequest => ({
  csr,
  deviceId: fields.deviceId ?? null,
  ...termsOf(fields),
});

/** The request that a row without a CSR makes. Refuses `bad-json`. */
export const madeKeyRequestOf = (
  { deviceId, keyAlgorithm, ...fields }: MadeKeyRow,
  otherwise: DeviceKeyAlgorithm,
): MadeKeyRequest => ({ deviceId, algorithm: keyAlgorithm ?? otherwise, ...termsOf(fields) });

/** The request that a row makes. Refuses `bad-pem`, `bad-json`. */
export const requestOfRow = ({ csr, ...fields }: CertificateRow): CertificateRequest =>
  requestOfFields(decodeCsrField(csr), fields);
