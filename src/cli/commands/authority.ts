import { segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import { readPassphraseFile, readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';
import { sayWarnings, show } from '../output.ts';
import { formatFields } from '../table.ts';

const PLACES = { file: 'in a file', token: 'in a token', offline: 'offline' } as const;

export interface Authority {
  readonly name: string;
  readonly kind: string;
  readonly generation: number;
  readonly state: string;
  readonly inTrustBundle: boolean;
  readonly keyState: 'kept' | 'given-up' | 'destroyed';
  readonly profile: string;
  readonly imported: boolean;
  readonly key: string;
  readonly keyPlace: keyof typeof PLACES;
  readonly keyId: string;
  readonly subject: string;
  readonly serial: string;
  readonly fingerprint: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** PEM. */
  readonly certificate: string;
  readonly issuer: { readonly authority: string; readonly generation: number } | null;
  readonly warnings: readonly string[];
}

export interface InFleet {
  readonly fleet: string;
}

interface NewAuthority extends InFleet {
  readonly kind: string;
  readonly keyAlgorithm?: string;
  readonly key?: string;
  readonly tokenKey?: string;
  readonly profile?: string;
  readonly commonName?: string;
}

interface ImportedAuthority extends InFleet {
  readonly certificate: string;
  readonly privateKey?: string;
  readonly passphraseFile?: string;
}

export const pathOf = ({ fleet }: InFleet): string => `/v1/fleets/${segment(fleet)}/authorities`;

const gone = ({ keyState }: Authority): readonly string[] => (keyState === 'kept' ? [] : [keyState]);

export const authorityLines = (authority: Authority): string =>
  formatFields([
    ['authority', `${authority.name}, generation ${authority.generation}, ${authority.state}`],
    ['kind', authority.imported ? `${authority.kind}, imported` : authority.kind],
    ['key', [authority.key, PLACES[authority.keyPlace], ...gone(authority)].join(', ')],
    ['key id', authority.keyId],
    ['profile', authority.profile],
    ['subject', authority.subject],
    ['issuer', authority.issuer === null ? 'itself' : authority.issuer.authority],
    ['serial', authority.serial],
    ['SHA-256', authority.fingerprint],
    ['valid', `${authority.notBefore} to ${authority.notAfter}`],
  ]);

async function make(invocation: Invocation, fleet: InFleet, body: unknown): Promise<undefined> {
  const call = postJson(pathOf(fleet), body);
  const made = await withClient(invocation, (client) => callJson<Authority>(client, call));
  await show(invocation.output, made, authorityLines);
  sayWarnings(invocation.output, made.warnings);
}

/** `authority create`. */
export const createAuthority = (
  invocation: Invocation,
  name: string,
  { fleet, kind, keyAlgorithm, key, tokenKey, profile, commonName }: NewAuthority,
): Promise<undefined> =>
  make(
    invocation,
    { fleet },
    // A key that is named is in the token: --key need not say so.
    {
      name,
      kind,
      keyAlgorithm,
      key: key ?? (tokenKey === undefined ? undefined : 'token'),
      tokenKey,
      profile,
      commonName,
    },
  );

/** `authority import`. */
export async function importAuthority(
  invocation: Invocation,
  name: string,
  { fleet, certificate, privateKey, passphraseFile }: ImportedAuthority,
): Promise<undefined> {
  const given = {
    certificate: await readTextFile(certificate),
    ...(privateKey === undefined ? {} : { privateKey: await readTextFile(privateKey) }),
    ...(passphraseFile === undefined ? {} : { passphrase: await readPassphraseFile(passphraseFile) }),
  };
  return make(invocation, { fleet }, { name, import: given });
}

/** `authority list`. */
export async function listAuthorities(invocation: Invocation, fleet: InFleet): Promise<undefined> {
  const path = pathOf(fleet);
  await withClient(invocation, async (client) => {
    // One page, always: this list takes no cursor.
    const { items } = await callJson<{ items: readonly Authority[] }>(client, { method: 'GET', path });
    await showList(invocation.output, single(items), {
      headings: ['AUTHORITY', 'GENERATION', 'KIND', 'STATE', 'KEY', 'NOT AFTER', 'SHA-256'],
      cells: (a) => [a.name, a.generation, a.kind, a.state, a.key, a.notAfter, a.fingerprint],
    });
  });
}

async function* single<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
  yield items;
}

/** `authority show`. */
export async function showAuthority(
  invocation: Invocation,
  name: string,
  fleet: InFleet,
): Promise<undefined> {
  const path = `${pathOf(fleet)}/${segment(name)}`;
  const authority = await withClient(invocation, (client) =>
    callJson<Authority>(client, { method: 'GET', path }),
  );
  await show(invocation.output, authority, authorityLines);
  sayWarnings(invocation.output, authority.warnings);
}
