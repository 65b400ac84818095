import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Profile, parseProfile } from '../policy/index.ts';
import { ConfigError } from './config-error.ts';
import { readYamlFile } from './yaml-file.ts';

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^[^.].*\.ya?ml$/.test(name))
      .sort();
  } catch (failure) {
    const code = failure instanceof Error && 'code' in failure ? String(failure.code) : undefined;
    if (code === undefined) throw failure;
    if (code === 'ENOENT') return [];
    throw new ConfigError([`The folder of profiles, ${folder}, cannot be read (${code}).`]);
  }
}

function readProfile(path: string): Profile {
  const file = readYamlFile(path);
  if (!file) throw new ConfigError([`${path} does not exist.`]);
  try {
    return parseProfile(file.content);
  } catch (failure) {
    if (!(failure instanceof TypeError)) throw failure;
    throw new ConfigError([`${path} is not a profile: ${failure.message}`]);
  }
}

/**
 * Reads the operator's profiles: every `*.yaml` and `*.yml` of the folder, one profile each, in order
 * of file name. A folder that does not exist holds none. Throws a `ConfigError` that names every file
 * that does not fit, and every name that two files claim.
 */
export function readProfiles(folder: string): readonly Profile[] {
  const profiles = new Map<string, { readonly profile: Profile; readonly path: string }>();
  const violations: string[] = [];
  for (const name of listFiles(folder)) {
    const path = join(folder, name);
    try {
      const profile = readProfile(path);
      const other = profiles.get(profile.name);
      if (other) violations.push(`${path} and ${other.path} both hold the profile ${profile.name}.`);
      else profiles.set(profile.name, { profile, path });
    } catch (failure) {
      if (!(failure instanceof ConfigError)) throw failure;
      violations.push(...failure.violations);
    }
  }
  if (violations.length > 0) throw new ConfigError(violations);
  return [...profiles.values()].map(({ profile }) => profile);
}
