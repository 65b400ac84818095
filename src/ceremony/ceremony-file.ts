import { z } from 'zod';
import { PkiError, type Violation } from '../errors.ts';
import { TARGETS } from '../policy/index.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../x509/index.ts';

/** Keys that sign in a ceremony. Not Ed25519: OpenSSL 3.0, with which anybody may verify, takes no transcript by it. */
export const CEREMONY_ALGORITHMS = ['ec-p256', 'ec-p384', 'rsa-3072', 'rsa-4096'] as const;

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });

/** Text that prints, on one line. */
const text = (most: number) =>
  z
    .string({ error: 'must be text' })
    .min(1, { error: 'must not be empty' })
    .max(most, { error: `must have at most ${most} characters` })
    .refine((value) => value.isWellFormed() && !/[\p{Cc}\p{Cf}]/u.test(value), {
      error: 'must be one line of characters that print',
    });

const whole = (least: number, most: number) =>
  z
    .int({ error: `must be a whole number from ${least} to ${most}` })
    .min(least, { error: `must be at least ${least}` })
    .max(most, { error: `must be at most ${most}` });

const object = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === 'invalid_type' ? 'must hold settings by name' : undefined),
  });

const path = text(4096);

const token = object({
  module: path,
  /** Absent: the only initialised token there is. */
  label: text(32).optional(),
  pinFile: path,
  /** The label of the key, or of the one that is made. */
  key: z.string({ error: 'must be text' }).regex(/^[A-Za-z0-9][A-Za-z0-9._ -]{0,63}$/, {
    error: 'must have 1 to 64 letters, digits, blanks or ._-',
  }),
});

const keyFile = z.string({ error: 'must be text' }).regex(/(^|\/)[a-z0-9][a-z0-9-]{0,62}\.pem$/, {
  error: 'must end in a name of small letters, digits and hyphens, and .pem',
});

const shares = object({ needed: whole(2, 16) });

const onePlace = (key: { readonly file?: unknown; readonly token?: unknown }): boolean =>
  (key.file === undefined) !== (key.token === undefined);
const ONE_PLACE = { error: 'must have either file or token' };

/** The key that a ceremony makes. */
const newKey = object({
  algorithm: oneOf(CEREMONY_ALGORITHMS),
  file: keyFile.optional(),
  token: token.optional(),
  /** The passphrase of the file is made at random, and split among the custodians. Absent: it is given. */
  shares: shares.optional(),
})
  .refine(onePlace, ONE_PLACE)
  .refine((key) => key.shares === undefined || key.file !== undefined, {
    error: 'is for a key in a file: a token has a PIN',
    path: ['shares'],
  });

/** A CA that is there. */
const signer = object({
  certificate: path,
  key: object({
    file: keyFile.optional(),
    token: token.optional(),
    /** `shares`: the custodians bring it. `given`: it is asked for, or comes from a file or the environment. */
    passphrase: oneOf(['given', 'shares']).default('given'),
  }).refine(onePlace, ONE_PLACE),
});

const subject = object({
  organizationalUnit: text(64).optional(),
  organization: text(64).optional(),
  locality: text(128).optional(),
  stateOrProvince: text(128).optional(),
  country: z
    .string({ error: 'must be text' })
    .regex(/^[A-Z]{2}$/, { error: 'must be two capital letters (ISO 3166)' })
    .optional(),
});

const profile = {
  /** Absent: the default of the target. */
  profile: text(63).optional(),
  validityDays: whole(31, 36_500).optional(),
  subject: subject.optional(),
};

// The last one of a root that goes out of use holds until the root has ended.
const crl = object({ validDays: whole(1, 36_500) });

const reasons = Object.keys(REVOCATION_REASONS) as [RevocationReason, ...RevocationReason[]];

const revoked = object({
  serial: z
    .string({ error: 'must be text: put it in quotes' })
    .regex(/^([0-9a-f]{2}){1,20}$/, { error: 'must be pairs of small hexadecimal digits' }),
  at: z.string({ error: 'must be text' }).refine((value) => z.iso.datetime().safeParse(value).success, {
    error: 'must be a time in UTC, as 2027-03-01T10:00:00Z',
  }),
  reason: oneOf(reasons),
});

const common = {
  title: text(200),
  custodians: z
    .array(text(100), { error: 'must be a list of names' })
    .min(1, { error: 'must name somebody' })
    .max(16, { error: 'must name at most 16' })
    .refine((names) => new Set(names).size === names.length, { error: 'must not name anybody twice' }),
  target: oneOf(TARGETS).default('generic'),
};

const schema = z.discriminatedUnion(
  'ceremony',
  [
    object({
      ceremony: z.literal('root'),
      ...common,
      key: newKey,
      certificate: object({ commonName: text(64), ...profile }),
      crl: crl.optional(),
    }),
    object({
      ceremony: z.literal('issuing'),
      ...common,
      signer,
      request: path,
      certificate: object(profile).default({}),
    }),
    object({
      ceremony: z.literal('cross'),
      ...common,
      signer,
      /** The root whose name and key are certified. */
      subject: path,
    }),
    object({
      ceremony: z.literal('crl'),
      ...common,
      signer,
      /** The CRL before: what it lists stays listed. `none`: this is the first. */
      previous: path,
      revoked: z.array(revoked, { error: 'must be a list' }).max(1000).default([]),
      crl,
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union' ? 'must be root, issuing, cross or crl' : 'must hold settings by name',
  },
);

/** A ceremony as its file says it. Paths are as they stand there. */
export type Ceremony = z.output<typeof schema>;
export type CeremonyKind = Ceremony['ceremony'];
export type CeremonyOf<K extends CeremonyKind> = Extract<Ceremony, { readonly ceremony: K }>;

/** A violation with the way to the key that does not fit, as the file nests them. */
export interface FileViolation extends Violation {
  readonly path: readonly (string | number)[];
}

const placed = (where: readonly PropertyKey[], message: string): FileViolation => {
  const steps = where.map((step) => (typeof step === 'number' ? step : String(step)));
  return { path: steps, at: steps.join('.'), message };
};

const WITHOUT = 'is due, and missing';

function violationsOf(issue: z.core.$ZodIssue, content: unknown): readonly FileViolation[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => placed([...issue.path, key], 'is not known here'));
  const value = issue.path.reduce<unknown>(
    (inner, step) => (inner as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[step],
    content,
  );
  const missing = value === undefined && issue.code !== 'custom' ? `${WITHOUT}: ` : '';
  return [placed(issue.path, `${missing}${issue.message}`)];
}

/** Shares are the custodians': there are as many as they. */
function checkShares(ceremony: Ceremony): readonly FileViolation[] {
  if (ceremony.ceremony !== 'root' || !ceremony.key.shares) return [];
  const { needed } = ceremony.key.shares;
  const custodians = ceremony.custodians.length;
  return needed <= custodians
    ? []
    : [placed(['key', 'shares', 'needed'], `must be at most the number of custodians, ${custodians}`)];
}

/** Fits the content of a ceremony's file, or says of every key in it what is due there. */
export function fitCeremony(
  content: unknown,
): { readonly ceremony: Ceremony } | { readonly violations: readonly FileViolation[] } {
  const result = schema.safeParse(content);
  if (!result.success)
    return { violations: result.error.issues.flatMap((issue) => violationsOf(issue, content)) };
  const violations = checkShares(result.data);
  return violations.length > 0 ? { violations } : { ceremony: result.data };
}

/** What a ceremony needs beside its file: a name for each, and the path in the file. */
export function inputsOf(ceremony: Ceremony): Readonly<Record<string, string>> {
  switch (ceremony.ceremony) {
    case 'root':
      return {};
    case 'issuing':
      return { certificate: ceremony.signer.certificate, request: ceremony.request };
    case 'cross':
      return { certificate: ceremony.signer.certificate, subject: ceremony.subject };
    case 'crl':
      return {
        certificate: ceremony.signer.certificate,
        ...(ceremony.previous === 'none' ? {} : { previous: ceremony.previous }),
      };
  }
}

export function refuseInput(message: string, cause?: unknown): never {
  throw new PkiError('bad-request', message, { cause });
}
