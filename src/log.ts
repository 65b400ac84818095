import {
  type DestinationStream,
  type Logger,
  destination as openDestination,
  pino,
  stdTimeFunctions,
} from 'pino';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerInput {
  readonly level: LogLevel;
  /** Takes whole lines; stderr where it is not given. */
  readonly destination?: DestinationStream;
}

const REDACTED = '[redacted]';

/** Fields whose content is never written, at any depth: lower case, without `-` and `_`. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'token',
  'secret',
  'passphrase',
  'password',
  'pin',
  'key',
  'privatekey',
  'pkcs8',
  'csr',
  'body',
]);

/** Secrets by their form, wherever they stand in a text. Bounded, so that a long line costs no more. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/\bBearer +[^\s"',]{1,4096}/gi, `Bearer ${REDACTED}`],
  // The public id of a token stays: it says whose it was.
  [/\b(fca_[0-9a-f]{16})_[\w-]+/g, `$1_${REDACTED}`],
  [/\bwhsec_[\w+/=]+/g, `whsec_${REDACTED}`],
  // Without its END the rest of the text goes too.
  [
    /-----BEGIN (?:[A-Z0-9]+ ){0,3}(?:PRIVATE KEY|CERTIFICATE REQUEST)-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g,
    REDACTED,
  ],
  [/(:\/\/[^\s/:@]{0,256}:)[^\s/@]{1,1024}@/g, `$1${REDACTED}@`],
];

const redactText = (text: string): string =>
  SECRET_TEXTS.reduce((clean, [form, instead]) => clean.replace(form, instead), text);

const isSecretField = (name: string): boolean => SECRET_FIELDS.has(name.toLowerCase().replace(/[-_]/g, ''));

/** Octets as JSON shows them: `{type: 'Buffer', data}`, or one property an octet. */
const isOctets = (value: object): boolean =>
  ('type' in value && value.type === 'Buffer' && 'data' in value) || Object.hasOwn(value, '0');

function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redact);
  if (value === null || typeof value !== 'object') return value;
  if (isOctets(value)) return '[octets]';
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, isSecretField(name) ? REDACTED : redact(inner)]),
  );
}

/**
 * The last thing that happens to a line. It works on what will be written, so that no serializer,
 * child logger or error with its cause can go round it.
 */
function redactLine(line: string): string {
  try {
    return `${JSON.stringify(redact(JSON.parse(line)))}\n`;
  } catch {
    return redactText(line);
  }
}

/** What waits in memory while stderr cannot be written: some ten thousand lines, then new ones are dropped. */
const MOST_WAITING_OCTETS = 4 * 1024 * 1024;

/**
 * stderr, written at once. A full disk or a closed pipe behind it must not stop the service: what
 * could not be written waits for the next line.
 */
function openStderr(): DestinationStream {
  const stream = openDestination({ dest: 2, sync: true, maxLength: MOST_WAITING_OCTETS });
  stream.on('error', () => undefined);
  return stream;
}

/**
 * Makes the service's logger: one line of JSON an event, with the time in ISO 8601. Bearer tokens,
 * passphrases, private keys, CSRs and bodies are replaced wherever they stand, by field and by form.
 */
export function createLogger({ level, destination }: LoggerInput): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactLine },
    },
    destination ?? openStderr(),
  );
}
