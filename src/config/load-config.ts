import { join, resolve } from 'node:path';
import type { LogLevel } from '../log.ts';
import { packageRoot } from '../package-root.ts';
import { ConfigError } from './config-error.ts';
import { type Environment, environment } from './environment.ts';
import {
  type ConfigFlags,
  type Given,
  readEnvironment,
  readFlags,
  readMapping,
  type SourceReading,
} from './given-values.ts';
import { SETTING_KEYS, SETTINGS, type Setting, type SettingKey, type Values } from './settings.ts';
import { readYamlFile } from './yaml-file.ts';

/** Where the operator may have put the passphrase. `value` is not enumerable: printing shows no secret. */
export interface PassphraseSettings {
  readonly file: string | null;
  readonly credentialsDirectory: string | null;
  value(): string | null;
}

/** A token, and how it opens. */
export interface Pkcs11Settings {
  readonly module: string;
  /** null: the only initialised token there is. */
  readonly tokenLabel: string | null;
  readonly pinFile: string;
  readonly sessions: number;
}

/** What the service runs with. Frozen; all paths are absolute; nothing in it that prints is secret. */
export interface Config {
  readonly data: string;
  readonly dbFolder: string;
  readonly databaseFile: string;
  /** The PostgreSQL database's URL, null for SQLite. A function, and not enumerable: it may hold a password. */
  databaseUrl(): string | null;
  readonly sqlite: { readonly cacheMib: number };
  readonly keysFolder: string;
  readonly profilesFolder: string;
  /** Uploads that must be read back and forth, while they are. */
  readonly tmpFolder: string;
  /** The configuration file that was read. */
  readonly configFile: string | null;
  readonly api: { readonly host: string; readonly port: number; readonly names: readonly string[] };
  readonly mutual: { readonly host: string; readonly port: number | 'off' };
  readonly public: { readonly host: string; readonly port: number | 'off' };
  readonly crl: { readonly validHours: number; readonly everyHours: number };
  /** Whom the service may call, and how it goes about it. */
  readonly outgoing: {
    readonly hosts: readonly string[];
    readonly privateHosts: readonly string[];
    readonly timeoutSeconds: number;
    readonly attempts: number;
    readonly firstRetrySeconds: number;
  };
  readonly renewal: { readonly windowDays: number; readonly graceDays: number };
  readonly rotation: { readonly publishHours: number };
  /** The operator's own certificate; null: one of the service's CA. */
  readonly tls: { readonly certificateFile: string; readonly keyFile: string } | null;
  /** The token that keys of authorities may live in; null: there is none. */
  readonly pkcs11: Pkcs11Settings | null;
  /** Folder with `pg_dump` and `pg_restore`; null: to be found. */
  readonly postgresPrograms: string | null;
  readonly logLevel: LogLevel;
  /** For one source, in a minute. */
  /** Hosts with ports, as `URL.host` writes them. */
  readonly check: { readonly gateways: readonly string[] };
  readonly rateLimit: { readonly requestsPerMinute: number; readonly failuresPerMinute: number };
  readonly passphrase: PassphraseSettings;
}

export interface ConfigInput {
  readonly flags?: ConfigFlags;
  readonly env?: Environment;
  /** What relative paths in flags and variables are relative to. */
  readonly cwd?: string;
}

const DEFAULT_FILE = 'fleetca.yaml';

/** The first that gave the setting wins. */
const firstOf = (readings: readonly SourceReading[], key: SettingKey): Given | undefined =>
  readings.find(({ given }) => given.has(key))?.given.get(key);

/** A path of a source, before everything is judged: enough to find the file. */
function earlyPath(readings: readonly SourceReading[], key: 'config' | 'data'): string | undefined {
  const given = firstOf(readings, key);
  return typeof given?.value === 'string' && given.value !== ''
    ? resolve(given.base, given.value)
    : undefined;
}

interface FileReading extends SourceReading {
  readonly path: string | null;
}

function readFile(before: readonly SourceReading[]): FileReading {
  const named = earlyPath(before, 'config');
  const path = named ?? join(earlyPath(before, 'data') ?? packageRoot, DEFAULT_FILE);
  const nothing = { given: new Map(), path: null };
  try {
    const file = readYamlFile(path);
    if (!file)
      return { ...nothing, violations: named ? [`${path}, the configuration file, does not exist.`] : [] };
    const reading = readMapping(path, file.content);
    if (named || !reading.given.has('data')) return { ...reading, path };
    const violation = `${path}: data must not be set here: the file was found in the data folder.`;
    return { ...reading, path, violations: [...reading.violations, violation] };
  } catch (failure) {
    if (failure instanceof ConfigError) return { ...nothing, violations: failure.violations };
    throw failure;
  }
}

/** The value of one setting, or what is wrong with it. */
function judge(
  setting: Setting<unknown>,
  given: Given | undefined,
): { value: unknown } | { violation: string } {
  if (!given) return { value: setting.fallback };
  const result = setting.schema.safeParse(given.value);
  if (!result.success) return { violation: `${given.at} ${setting.due}.` };
  return { value: setting.path ? resolve(given.base, String(result.data)) : result.data };
}

const LISTENERS = [
  ['api', 'public'],
  ['api', 'mutual'],
  ['mutual', 'public'],
] as const;

function checkTogether(values: Values): readonly string[] {
  const violations: string[] = [];
  if ((values['tls.certificateFile'] === null) !== (values['tls.keyFile'] === null)) {
    violations.push('tls.certificateFile and tls.keyFile belong together: set both, or neither.');
  }
  if ((values['pkcs11.module'] === null) !== (values['pkcs11.pinFile'] === null)) {
    violations.push('pkcs11.module and pkcs11.pinFile belong together: set both, or neither.');
  }
  // One that could not be made is tried again before the one before it runs out.
  if (values['crl.everyHours'] * 2 > values['crl.validHours'])
    violations.push('crl.everyHours must be at most half of crl.validHours.');
  for (const [one, other] of LISTENERS) {
    const port = values[`${one}.port`];
    const same = port === values[`${other}.port`] && values[`${one}.host`] === values[`${other}.host`];
    if (same && port !== 0 && port !== 'off')
      violations.push(`${one}.port and ${other}.port must differ on one address.`);
  }
  return violations;
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}

function passphraseSettings(values: Values, env: Environment): PassphraseSettings {
  const settings = {
    file: values.passphraseFile,
    credentialsDirectory: env.CREDENTIALS_DIRECTORY || null,
    value: () => values.passphrase,
  };
  return Object.defineProperty(settings, 'value', { enumerable: false });
}

function assemble(values: Values, configFile: string | null, env: Environment): Config {
  const data = values.data ?? packageRoot;
  const dbFolder = join(data, 'db');
  const certificateFile = values['tls.certificateFile'];
  const keyFile = values['tls.keyFile'];
  const module = values['pkcs11.module'];
  const pinFile = values['pkcs11.pinFile'];
  const config = {
    data,
    dbFolder,
    databaseFile: join(dbFolder, 'fleetca.sqlite'),
    databaseUrl: () => values.databaseUrl,
    sqlite: { cacheMib: values['sqlite.cacheMib'] },
    keysFolder: join(data, 'keys'),
    profilesFolder: join(data, 'profiles'),
    tmpFolder: join(data, 'tmp'),
    configFile,
    api: { host: values['api.host'], port: values['api.port'], names: [...values['api.names']] },
    mutual: { host: values['mutual.host'], port: values['mutual.port'] },
    public: { host: values['public.host'], port: values['public.port'] },
    crl: { validHours: values['crl.validHours'], everyHours: values['crl.everyHours'] },
    outgoing: {
      hosts: [...(values['outgoing.hosts'] ?? [])],
      privateHosts: [...(values['outgoing.privateHosts'] ?? [])],
      timeoutSeconds: values['outgoing.timeoutSeconds'],
      attempts: values['outgoing.attempts'],
      firstRetrySeconds: values['outgoing.firstRetrySeconds'],
    },
    renewal: { windowDays: values['renewal.windowDays'], graceDays: values['renewal.graceDays'] },
    rotation: { publishHours: values['rotation.publishHours'] },
    tls: certificateFile === null || keyFile === null ? null : { certificateFile, keyFile },
    pkcs11:
      module === null || pinFile === null
        ? null
        : { module, pinFile, tokenLabel: values['pkcs11.tokenLabel'], sessions: values['pkcs11.sessions'] },
    postgresPrograms: values['backup.postgresPrograms'],
    logLevel: values.logLevel,
    check: { gateways: [...(values['check.gateways'] ?? [])] },
    rateLimit: {
      requestsPerMinute: values['rateLimit.requestsPerMinute'],
      failuresPerMinute: values['rateLimit.failuresPerMinute'],
    },
    passphrase: passphraseSettings(values, env),
  };
  return Object.defineProperty(config, 'databaseUrl', { enumerable: false });
}

/**
 * Reads the configuration: flags before environment (`FLEETCA_*`, `DATABASE_URL`) before file
 * (`fleetca.yaml` in the data folder, or the one that is named). Synchronous, for it is the first thing
 * that a process does. Throws a `ConfigError` that lists everything that does not fit: values, names
 * that are not known, settings that contradict each other.
 */
export function loadConfig({
  flags = {},
  env = environment(),
  cwd = process.cwd(),
}: ConfigInput = {}): Config {
  const before = [readFlags(flags, cwd), readEnvironment(env, cwd)];
  const file = readFile(before);
  const readings = [...before, file];
  const violations = readings.flatMap((reading) => reading.violations);

  const values: Partial<Record<SettingKey, unknown>> = {};
  for (const key of SETTING_KEYS) {
    const verdict = judge(SETTINGS[key], firstOf(readings, key));
    if ('violation' in verdict) violations.push(verdict.violation);
    else values[key] = verdict.value;
  }
  if (violations.length > 0) throw new ConfigError(violations);

  const complete = values as Values;
  const together = checkTogether(complete);
  if (together.length > 0) throw new ConfigError(together);
  return freeze(assemble(complete, file.path, env));
}
