import { segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import { readTextFile, saveFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { once } from '../once.ts';
import { sayWarnings, show } from '../output.ts';
import { formatFields } from '../table.ts';
import { type Authority, authorityLines, type InFleet, pathOf } from './authority.ts';

interface Wish extends InFleet {
  readonly out: string;
  readonly keyAlgorithm?: string;
  readonly key?: string;
  readonly tokenKey?: string;
  readonly profile?: string;
  readonly commonName?: string;
}

interface Requested {
  readonly name: string;
  readonly profile: string;
  readonly keyId: string;
  readonly subject: string;
  readonly csr: string;
  readonly warnings: readonly string[];
}

/** `authority csr`. */
export async function requestAuthority(
  invocation: Invocation,
  name: string,
  { fleet, out, key, tokenKey, ...wish }: Wish,
): Promise<undefined> {
  // A key that is named is in the token: --key need not say so.
  const place = key ?? (tokenKey === undefined ? undefined : 'token');
  const { keyAlgorithm, profile, commonName } = wish;
  const body = { keyAlgorithm, key: place, tokenKey, profile, commonName };
  const call = postJson(`${pathOf({ fleet })}/${segment(name)}/request`, body);
  const requested = await withClient(invocation, (client) => callJson<Requested>(client, call));
  await saveFile(out, 0o644, once(Buffer.from(requested.csr)));
  await show(invocation.output, requested, (it) =>
    formatFields([
      ['authority', it.name],
      ['subject', it.subject],
      ['profile', it.profile],
      ['key id', it.keyId],
      ['request', out],
    ]),
  );
  sayWarnings(invocation.output, requested.warnings);
  if (!invocation.output.json)
    invocation.output.say(
      `Next: have it signed, then fleetca authority install ${name} <certificate> --fleet ${fleet}`,
    );
}

/** `authority install`. */
export async function installAuthority(
  invocation: Invocation,
  name: string,
  certificate: string,
  fleet: InFleet,
): Promise<undefined> {
  const body = { certificate: await readTextFile(certificate) };
  const call = postJson(`${pathOf(fleet)}/${segment(name)}/certificate`, body);
  const installed = await withClient(invocation, (client) => callJson<Authority>(client, call));
  await show(invocation.output, installed, authorityLines);
  sayWarnings(invocation.output, installed.warnings);
}
