import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Environment, environment } from '../../config/index.ts';
import { packageRoot } from '../../package-root.ts';
import type { GlobalOptions } from '../invocation.ts';
import { errnoOf, fileFailure, LocalFailure } from '../local-failure.ts';

/** Whom the client takes for the service. */
export type Trust =
  /** SHA-256, lower-case hex, of a certificate that the server must present. */
  | { readonly kind: 'pin'; readonly fingerprint: string }
  | { readonly kind: 'ca'; readonly file: string; readonly pem: string }
  /** The CAs that Node trusts. */
  | { readonly kind: 'system' };

export interface ClientSettings {
  readonly url: URL;
  readonly trust: Trust;
  /** null: none was given, and none lies in the data folder. */
  readonly token: string | null;
}

/** As the service starts without configuration. */
const DEFAULT_URL = 'https://127.0.0.1:8443';

/** Where values come from; the process's own where nothing is given. */
export interface SettingsSource {
  readonly env: Environment;
  readonly cwd: string;
}

function parseUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new LocalFailure('usage', 'The URL of the service cannot be read.', {
      hint: `it looks like ${DEFAULT_URL}`,
    });
  }
  if (url.protocol !== 'https:') {
    throw new LocalFailure(
      'usage',
      'The service is reached by https:// alone: a token is never sent in the clear.',
    );
  }
  const bare =
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === '';
  if (!bare)
    throw new LocalFailure('usage', 'The URL of the service has a host and a port, and nothing else.');
  return url;
}

/** A fingerprint as people copy it: with colons or without, in any case. */
export function parsePin(text: string): string {
  const fingerprint = text.trim().replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(fingerprint)) return fingerprint;
  throw new LocalFailure('usage', 'A pin is the SHA-256 fingerprint of a certificate: 64 hex digits.');
}

/** What an operator may not have made, or may not read, is not there for us. */
async function readIfPossible(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (failure) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(errnoOf(failure) ?? '')) return null;
    throw failure;
  }
}

async function readNamed(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (failure) {
    throw fileFailure(path, failure);
  }
}

const dataFolder = (globals: GlobalOptions, { env, cwd }: SettingsSource): string =>
  resolve(cwd, globals.data ?? (env.FLEETCA_DATA || packageRoot));

async function findTrust(globals: GlobalOptions, source: SettingsSource): Promise<Trust> {
  if (globals.pin !== undefined && globals.caFile !== undefined) {
    throw new LocalFailure('usage', '--pin and --ca-file are two ways to trust: give one of them.');
  }
  const ca = async (path: string): Promise<Trust> => {
    const file = resolve(source.cwd, path);
    const pem = await readNamed(file);
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return { kind: 'ca', file, pem };
    throw new LocalFailure('usage', `${file} holds no certificate in PEM form.`);
  };
  if (globals.caFile !== undefined) return ca(globals.caFile);
  const pin = globals.pin ?? (source.env.FLEETCA_PIN || undefined);
  if (pin !== undefined) return { kind: 'pin', fingerprint: parsePin(pin) };
  const file = join(dataFolder(globals, source), 'keys', 'service-ca.crt');
  const pem = await readIfPossible(file);
  return pem === null ? { kind: 'system' } : { kind: 'ca', file, pem };
}

function parseTokenText(text: string, from: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]{1,512}$/.test(token)) return token;
  throw new LocalFailure('usage', `${from} does not hold a token.`);
}

async function findToken(globals: GlobalOptions, source: SettingsSource): Promise<string | null> {
  const { env, cwd } = source;
  const named = async (path: string): Promise<string> => {
    const file = resolve(cwd, path);
    return parseTokenText(await readNamed(file), file);
  };
  if (globals.tokenFile !== undefined) return named(globals.tokenFile);
  if (env.FLEETCA_TOKEN) return parseTokenText(env.FLEETCA_TOKEN, 'FLEETCA_TOKEN');
  if (env.FLEETCA_TOKEN_FILE) return named(env.FLEETCA_TOKEN_FILE);
  const file = join(dataFolder(globals, source), 'keys', 'admin-token');
  const text = await readIfPossible(file);
  return text === null ? null : parseTokenText(text, file);
}

/**
 * Where the service is, whom to take for it, and as whom to call: flags before environment before the
 * data folder. Rejects with `usage` where something that was named does not fit.
 */
export async function readClientSettings(
  globals: GlobalOptions,
  source: SettingsSource = { env: environment(), cwd: process.cwd() },
): Promise<ClientSettings> {
  return {
    url: parseUrl(globals.url ?? (source.env.FLEETCA_URL || DEFAULT_URL)),
    trust: await findTrust(globals, source),
    token: await findToken(globals, source),
  };
}
