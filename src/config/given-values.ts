import { dirname } from 'node:path';
import type { Environment } from './environment.ts';
import { nearestName } from './nearest-name.ts';
import {
  type FlagName,
  fileKeyOf,
  flagName,
  flagOf,
  SETTING_KEYS,
  type SettingKey,
  variableOf,
} from './settings.ts';

/** A value as it was given, before it is judged. */
export interface Given {
  readonly value: unknown;
  /** Where it stood, for messages: `--api-port`, `FLEETCA_API_PORT`, `/etc/fleetca.yaml: api.port`. */
  readonly at: string;
  /** What a relative path is relative to. */
  readonly base: string;
}

export type GivenValues = ReadonlyMap<SettingKey, Given>;

/** What one source gave, and what in it is not known. */
export interface SourceReading {
  readonly given: GivenValues;
  readonly violations: readonly string[];
}

/** As commander hands them over; options of other commands may stand beside. */
export type ConfigFlags = {
  readonly [K in FlagName]?: string | number | readonly string[] | undefined;
};

/** Variables of the command line tool; the service knows them and does not read them. */
const CLIENT_VARIABLES: readonly string[] = [
  'FLEETCA_URL',
  'FLEETCA_TOKEN',
  'FLEETCA_TOKEN_FILE',
  'FLEETCA_PIN',
];
/** Variables of the project's own tests. */
const TEST_PREFIX = 'FLEETCA_TEST_';

export function readFlags(flags: ConfigFlags, base: string): SourceReading {
  const given = new Map<SettingKey, Given>();
  for (const key of SETTING_KEYS) {
    const flag = flagOf(key);
    const value = flags[flagName(key)];
    if (flag !== null && value !== undefined) given.set(key, { value, at: flag, base });
  }
  return { given, violations: [] };
}

export function readEnvironment(env: Environment, base: string): SourceReading {
  const given = new Map<SettingKey, Given>();
  const known: string[] = [];
  for (const key of SETTING_KEYS) {
    const variable = variableOf(key);
    if (variable === null) continue;
    known.push(variable);
    const value = env[variable];
    if (value !== undefined) given.set(key, { value, at: variable, base });
  }
  const names = [...known, ...CLIENT_VARIABLES];
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('FLEETCA_') && !name.startsWith(TEST_PREFIX) && !names.includes(name),
  );
  return {
    given,
    violations: unknown.map(
      (name) => `${name} is not known; the nearest variable is ${nearestName(name, names)}.`,
    ),
  };
}

const FILE_KEYS: ReadonlyMap<string, SettingKey> = new Map(
  SETTING_KEYS.flatMap((key) => (fileKeyOf(key) === null ? [] : [[key, key]])),
);

const isGroup = (name: string): boolean => [...FILE_KEYS.keys()].some((key) => key.startsWith(`${name}.`));

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names with dots for nesting, and what stands under them. A dot within a name is no nesting: it stays unknown. */
function flatten(
  mapping: Readonly<Record<string, unknown>>,
  prefix = '',
): readonly (readonly [string, unknown])[] {
  return Object.entries(mapping).flatMap(([name, value]) => {
    const full = `${prefix}${name.includes('.') ? JSON.stringify(name) : name}`;
    return isGroup(full) && isMapping(value) ? flatten(value, `${full}.`) : [[full, value] as const];
  });
}

/** Settings of a parsed configuration file, nested as their dots say. */
export function readMapping(path: string, content: unknown): SourceReading {
  const given = new Map<SettingKey, Given>();
  const violations: string[] = [];
  // An empty file is a file without settings.
  if (content === null) return { given, violations };
  if (!isMapping(content)) return { given, violations: [`${path} must hold settings by name.`] };
  const known = [...FILE_KEYS.keys()];
  for (const [name, value] of flatten(content)) {
    const at = `${path}: ${name}`;
    const key = FILE_KEYS.get(name);
    if (key) given.set(key, { value, at, base: dirname(path) });
    else if (isGroup(name)) violations.push(`${at} must hold settings of its own.`);
    else violations.push(`${at} is not known; the nearest key is ${nearestName(name, known)}.`);
  }
  return { given, violations };
}
