/**
 * Flags, environment and file become one frozen, validated `Config`; profiles of the operator's are
 * read here too. The only reader of process.env.
 * It opens no key, no database and no socket, and it never prints a value, for it may be a secret.
 */
export * from './config-error.ts';
export * from './config-keys.ts';
export * from './environment.ts';
export * from './load-config.ts';
export * from './read-profiles.ts';
export { SQLITE_CACHE_MIB } from './settings.ts';
export { readYamlFile } from './yaml-file.ts';
