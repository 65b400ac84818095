import { isIP } from 'node:net';
import { z } from 'zod';
import { LOG_LEVELS } from '../log.ts';

/** What a service gives SQLite's page cache unless it is told otherwise. */
export const SQLITE_CACHE_MIB = 256;

type Source = 'flag' | 'environment' | 'file';

/** One setting: what fits, what holds without it, and what it means. */
export interface Setting<T> {
  readonly schema: z.ZodType<T>;
  /** null: nothing unless it is set. */
  readonly fallback: T | null;
  /** The fallback in words, where the value alone says too little. */
  readonly fallbackText?: string;
  /** Ends a sentence that begins with where it was given: `must be …`. */
  readonly due: string;
  readonly meaning: string;
  /** Where it may stand; everywhere if it does not say. */
  readonly sources?: readonly Source[];
  /** True: a path, relative to the working directory in a flag or variable, to the file's folder in the file. */
  readonly path?: true;
}

const setting = <T, F extends T | null>(
  one: Omit<Setting<T>, 'fallback'> & { readonly fallback: F },
): Omit<Setting<T>, 'fallback'> & { readonly fallback: F } => one;

/** Flags and variables are text; the file may hold a number. */
const number = (from: number, to: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value),
    z.int().min(from).max(to),
  );

/** RFC 1123, 2.1, and at most 253 characters. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
/** A name whose last label is digits is taken for an IPv4 address by clients. */
const isHost = (text: string): boolean =>
  isIP(text) !== 0 || (HOST_NAME.test(text) && !/(^|\.)\d+$/.test(text));
const host = z.string().toLowerCase().refine(isHost);
const hosts = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value),
  z
    .array(host)
    .min(1)
    .max(100)
    .transform((names) => [...new Set(names)]),
);
/** As `URL.host` writes a host and its port, which leaves 443 out. A URL may hold a star, which would match nothing. */
const isUrlHost = (text: string): boolean =>
  !text.includes('*') && URL.canParse(`https://${text}`) && new URL(`https://${text}`).host === text;
const gateways = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value),
  z.array(z.string().toLowerCase().refine(isUrlHost)).min(1).max(100),
);
const path = z
  .string()
  .min(1)
  .refine((text) => !text.includes('\0'));

/** What PostgreSQL's clients take (libpq, 34.1.1.2); a host and a database are due, so that none is guessed. */
function isPostgresUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname } = new URL(text);
  return /^postgres(ql)?:$/.test(protocol) && pathname.length > 1;
}

const PORT = 'must be a port, 0 to 65535 (0: any free one)';
const HOST = 'must be an IP address (no brackets) or a host name';
const COUNT = 'must be a whole number, 1 to 1000000000';

export const SETTINGS = {
  config: setting({
    schema: path,
    fallback: null,
    fallbackText: 'fleetca.yaml in the data folder, if it is there',
    due: 'must be the path of a YAML file',
    meaning: 'the configuration file',
    sources: ['flag', 'environment'],
    path: true,
  }),
  data: setting({
    schema: path,
    fallback: null,
    fallbackText: 'the folder of the program',
    due: 'must be the path of a folder',
    meaning: 'the folder that holds db/, keys/ and profiles/',
    path: true,
  }),
  'api.host': setting({
    schema: host,
    fallback: '127.0.0.1',
    due: HOST,
    meaning: 'the address that the API (HTTPS) listens on',
  }),
  'api.port': setting({
    schema: number(0, 65_535),
    fallback: 8443,
    due: PORT,
    meaning: 'the port of the API',
  }),
  'api.names': setting({
    schema: hosts,
    fallback: ['localhost', '127.0.0.1', '::1'],
    due: 'must be host names and IP addresses, separated by commas, at most 100',
    meaning: "the names in the API's own certificate",
  }),
  'mutual.host': setting({
    schema: host,
    fallback: '127.0.0.1',
    due: HOST,
    meaning: 'the address that devices register at (HTTPS with client certificates, /devices only)',
  }),
  'mutual.port': setting({
    schema: z.union([z.literal('off'), number(0, 65_535)]),
    fallback: 9443,
    due: `${PORT}, or off`,
    meaning: 'the port that devices register at; off: none',
  }),
  'public.host': setting({
    schema: host,
    fallback: '127.0.0.1',
    due: HOST,
    meaning: 'the address that the public pages (plain HTTP, /pki only) listen on',
  }),
  'public.port': setting({
    schema: z.union([z.literal('off'), number(0, 65_535)]),
    fallback: 8080,
    due: `${PORT}, or off`,
    meaning: 'the port of the public pages; off: none',
  }),
  'tls.certificateFile': setting({
    schema: path,
    fallback: null,
    fallbackText: "one of the service's own CA",
    due: 'must be the path of a PEM file',
    meaning: "the API's certificate with its chain, where the operator brings one",
    path: true,
  }),
  'tls.keyFile': setting({
    schema: path,
    fallback: null,
    fallbackText: 'belongs to the certificate',
    due: 'must be the path of a PEM file',
    meaning: "the private key of the operator's certificate",
    path: true,
  }),
  'crl.validHours': setting({
    schema: number(2, 24 * 365),
    fallback: 7 * 24,
    due: 'must be a whole number of hours, 2 to 8760',
    meaning: 'how long a CRL holds: from thisUpdate to nextUpdate, hours',
  }),
  'crl.everyHours': setting({
    schema: number(1, 24 * 182),
    fallback: 24,
    due: 'must be a whole number of hours, 1 to 4368',
    meaning: 'how often a CRL is made anew where nothing is revoked, hours',
  }),
  'renewal.windowDays': setting({
    schema: number(1, 3650),
    fallback: 90,
    due: 'must be a whole number of days, 1 to 3650',
    meaning: 'how long before its end a device renews a certificate, days; at most a third of its life',
  }),
  'renewal.graceDays': setting({
    schema: number(0, 3650),
    fallback: 30,
    due: 'must be a whole number of days, 0 to 3650',
    meaning: 'how long after its end a device still renews a certificate, days',
  }),
  'rotation.publishHours': setting({
    schema: number(0, 24 * 365),
    fallback: 24,
    due: 'must be a whole number of hours, 0 to 8760',
    meaning: 'how long a new generation of an authority is in the trust bundle before it may issue, hours',
  }),
  'check.gateways': setting({
    schema: gateways,
    fallback: null,
    fallbackText: 'none is called',
    due: 'must be hosts, each with its port unless that is 443 (gateway.example.com:8443), separated by commas, at most 100',
    meaning: 'the gateways that POST /v1/fleets/{fleet}/check may call',
  }),
  'outgoing.hosts': setting({
    schema: hosts,
    fallback: null,
    fallbackText: 'none: nobody is called',
    due: 'must be host names and IP addresses, separated by commas, at most 100',
    meaning: 'the hosts of device registries and webhooks, at public addresses, that the service may call',
  }),
  'outgoing.privateHosts': setting({
    schema: hosts,
    fallback: null,
    fallbackText: 'none',
    due: 'must be host names and IP addresses, separated by commas, at most 100',
    meaning: 'those that may be at private or loopback addresses, and be called without TLS',
  }),
  'outgoing.timeoutSeconds': setting({
    schema: number(1, 300),
    fallback: 15,
    due: 'must be a whole number of seconds, 1 to 300',
    meaning: 'how long an outgoing call may take, seconds',
  }),
  'outgoing.attempts': setting({
    schema: number(1, 100),
    fallback: 10,
    due: 'must be a whole number, 1 to 100',
    meaning: 'how often a delivery is tried before it is given up',
  }),
  'outgoing.firstRetrySeconds': setting({
    schema: number(1, 3600),
    fallback: 10,
    due: 'must be a whole number of seconds, 1 to 3600',
    meaning:
      'when a delivery that failed is tried again, seconds; four times as long after each try, six hours at most',
  }),
  logLevel: setting({
    schema: z.enum(LOG_LEVELS),
    fallback: 'info',
    due: `must be one of ${LOG_LEVELS.join(', ')}`,
    meaning: 'how much is written to stderr',
  }),
  'rateLimit.requestsPerMinute': setting({
    schema: number(1, 1_000_000_000),
    fallback: 6000,
    due: COUNT,
    meaning: 'requests to the API that one source may make in a minute',
  }),
  'rateLimit.failuresPerMinute': setting({
    schema: number(1, 1_000_000_000),
    fallback: 30,
    due: COUNT,
    meaning: 'failed authentications that one source may make in a minute',
  }),
  passphraseFile: setting({
    schema: path,
    fallback: null,
    fallbackText: 'keys/passphrase, made at the first start',
    due: 'must be the path of a file',
    meaning: 'the file (0600) with the passphrase of the key files',
    path: true,
  }),
  passphrase: setting({
    schema: z.string().min(1),
    fallback: null,
    due: 'must not be empty',
    meaning: 'the passphrase of the key files itself, where a file is not possible',
    sources: ['environment'],
  }),
  'backup.postgresPrograms': setting({
    schema: path,
    fallback: null,
    fallbackText: "where Debian's packages put them, else by PATH",
    due: 'must be the path of a folder',
    meaning: "the folder with pg_dump and pg_restore of the PostgreSQL server's own version",
    sources: ['environment', 'file'],
    path: true,
  }),
  'pkcs11.module': setting({
    schema: path,
    fallback: null,
    fallbackText: 'no token: keys are in files',
    due: 'must be the path of a PKCS#11 module',
    meaning: 'the PKCS#11 module of the token that keys of authorities may live in',
    path: true,
  }),
  'pkcs11.tokenLabel': setting({
    schema: z.string().regex(/^[^\0]{1,32}$/),
    fallback: null,
    fallbackText: 'the only initialised token',
    due: 'must have 1 to 32 characters',
    meaning: 'the label of that token',
  }),
  'pkcs11.pinFile': setting({
    schema: path,
    fallback: null,
    fallbackText: 'belongs to the module',
    due: 'must be the path of a file',
    meaning: "the file (0600) with the PIN of the token's user",
    path: true,
  }),
  'pkcs11.sessions': setting({
    schema: number(1, 128),
    fallback: 8,
    due: 'must be a whole number, 1 to 128',
    meaning: 'signatures that the token makes at a time',
  }),
  databaseUrl: setting({
    schema: z.string().refine(isPostgresUrl),
    fallback: null,
    fallbackText: 'SQLite: db/fleetca.sqlite in the data folder',
    due: 'must be the URL of a PostgreSQL database: postgres://user@host/name',
    meaning:
      'the PostgreSQL database that holds the ledger, instead of SQLite; its password stays out of logs',
    sources: ['environment', 'file'],
  }),
  'sqlite.cacheMib': setting({
    schema: number(8, 65_536),
    fallback: SQLITE_CACHE_MIB,
    due: 'must be a whole number of MiB, 8 to 65536',
    meaning:
      "memory for SQLite's page cache, MiB; more keeps issuing quick with many millions of certificates",
  }),
} as const;

export type SettingKey = keyof typeof SETTINGS;
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** The values of all settings; null where nothing is set and nothing holds by itself. */
export type Values = {
  readonly [K in SettingKey]:
    | z.output<(typeof SETTINGS)[K]['schema']>
    | ((typeof SETTINGS)[K]['fallback'] extends null ? null : never);
};

type FlagNameOf<K extends string> = K extends `${infer A}.${infer B}` ? `${A}${Capitalize<B>}` : K;
/** `api.port` as commander names its option: `apiPort`. */
export type FlagName = FlagNameOf<SettingKey>;

const allowed = (key: SettingKey, source: Source): boolean => {
  const { sources }: { sources?: readonly Source[] } = SETTINGS[key];
  return sources?.includes(source) ?? true;
};

const words = (key: SettingKey): readonly string[] =>
  key.split(/[.]|(?=[A-Z])/).map((word) => word.toLowerCase());

export const flagName = (key: SettingKey): FlagName =>
  key.replace(/\.([a-z])/g, (_, letter: string) => letter.toUpperCase()) as FlagName;

/** `--api-port`; null where it may not be given on the command line. */
export const flagOf = (key: SettingKey): string | null =>
  allowed(key, 'flag') ? `--${words(key).join('-')}` : null;

/** `FLEETCA_API_PORT`; null where there is no variable. */
export function variableOf(key: SettingKey): string | null {
  if (!allowed(key, 'environment')) return null;
  return key === 'databaseUrl' ? 'DATABASE_URL' : `FLEETCA_${words(key).join('_').toUpperCase()}`;
}

/** `api.port`; null where it may not stand in the file. */
export const fileKeyOf = (key: SettingKey): string | null => (allowed(key, 'file') ? key : null);
