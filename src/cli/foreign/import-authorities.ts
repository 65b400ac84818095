import { X509Certificate } from 'node:crypto';
import type { Client } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import type { Authority } from '../commands/authority.ts';
import { readPassphraseFile, readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { sayWarnings } from '../output.ts';

export interface AuthorityOptions {
  readonly root?: string;
  readonly rootKey?: string;
  readonly passphraseFile?: string;
  /** `file`, or `name=file`. */
  readonly intermediate?: readonly string[];
}

interface Wanted {
  readonly name: string;
  readonly file: string;
  readonly pem: string;
  readonly fingerprint: string;
  readonly key?: { readonly privateKey: string; readonly passphrase?: string };
}

function readCa(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new LocalFailure('usage', `${file} holds no certificate in PEM form.`, { cause });
  }
}

const digestOf = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(':', '').toLowerCase();

/** A CN as the name of an authority. */
function nameOf(file: string, certificate: X509Certificate): string {
  const [, name = ''] = /^CN=(.*)$/m.exec(certificate.subject) ?? [];
  const short = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  if (short !== '') return short;
  throw new LocalFailure('usage', `${file} has no common name that could name an authority.`, {
    hint: `name it: --intermediate line=${file}`,
  });
}

async function readRoot({ root, rootKey, passphraseFile }: AuthorityOptions): Promise<readonly Wanted[]> {
  if (root === undefined) return [];
  const pem = await readTextFile(root);
  const fingerprint = digestOf(readCa(root, pem));
  if (rootKey === undefined) return [{ name: 'root', file: root, pem, fingerprint }];
  const privateKey = await readTextFile(rootKey);
  const secret = passphraseFile === undefined ? {} : { passphrase: await readPassphraseFile(passphraseFile) };
  return [{ name: 'root', file: root, pem, fingerprint, key: { privateKey, ...secret } }];
}

async function readIntermediate(given: string): Promise<Wanted> {
  const [, named, file = given] = /^([a-z0-9][a-z0-9-]{0,62})=(.+)$/.exec(given) ?? [];
  const pem = await readTextFile(file);
  const certificate = readCa(file, pem);
  return { name: named ?? nameOf(file, certificate), file, pem, fingerprint: digestOf(certificate) };
}

/**
 * Imports the CAs that the command line names and the fleet has not, the root first. Gives the SHA-256 of the
 * certificates of all that the fleet has then. A dry run imports none, so it needs them on record.
 */
export async function importAuthorities(
  { output }: Invocation,
  client: Client,
  path: string,
  options: AuthorityOptions & { readonly dryRun?: true },
): Promise<ReadonlySet<string>> {
  const { items } = await callJson<{ items: readonly Authority[] }>(client, {
    method: 'GET',
    path: `${path}/authorities`,
  });
  const known = new Set(items.map(({ fingerprint }) => fingerprint));
  const wanted = [
    ...(await readRoot(options)),
    ...(await Promise.all((options.intermediate ?? []).map(readIntermediate))),
  ];
  for (const { name, file, pem, fingerprint, key } of wanted) {
    if (known.has(fingerprint)) continue;
    if (options.dryRun)
      throw new LocalFailure(
        'usage',
        `${file} is not on record, and certificates are judged by the CAs that are.`,
        {
          hint: 'import the CAs first: the same without --dry-run and without a source of certificates',
        },
      );
    const body = { name, import: { certificate: pem, ...key } };
    const made = await callJson<Authority>(client, postJson(`${path}/authorities`, body));
    output.say(
      `imported ${made.kind} ${made.name}, its key ${made.keyPlace === 'offline' ? 'offline' : 'held'}`,
    );
    sayWarnings(output, made.warnings);
    known.add(fingerprint);
  }
  return known;
}
