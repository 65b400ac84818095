import { readCeremony } from '../../ceremony/index.ts';
import { PkiError } from '../../errors.ts';
import { certificateFingerprint, formatName } from '../../x509/index.ts';
import { readFolder } from '../ceremony/folder.ts';
import { segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { formatFields } from '../table.ts';
import { type Authority, authorityLines } from './authority.ts';

/** `ceremony verify`: the files by themselves. Whether the CA is the right one its fingerprint says. */
export async function verifyCeremony(invocation: Invocation, folder: string): Promise<undefined> {
  const { output } = invocation;
  const files = await readFolder(folder);
  let ceremony: ReturnType<typeof readCeremony>;
  try {
    ceremony = readCeremony(files);
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    throw new LocalFailure('check-failed', failure.message, {
      violations: failure.violations,
      cause: failure,
    });
  }
  const { transcript, id, signer, signedAt } = ceremony;
  const verified = {
    transcript,
    sha256: id,
    signedAt: signedAt.toISOString(),
    signer: formatName(signer.subject),
    fingerprint: Buffer.from(certificateFingerprint(signer.der)).toString('hex'),
  };
  await show(output, verified, (it) =>
    formatFields([
      ['ceremony', transcript.rehearsal ? `REHEARSAL of ${transcript.ceremony}` : transcript.ceremony],
      ['title', transcript.title],
      ['custodians', transcript.custodians.join(', ')],
      ['signed', `${it.signedAt}, by fleetca ${transcript.version}`],
      ['by', it.signer],
      ["CA's SHA-256", it.fingerprint],
      ['transcript', it.sha256],
      ['files', transcript.outputs.map(({ file }) => file).join(', ')],
    ]),
  );
  if (!output.json) output.say('Compare the fingerprint of the CA with the one that was read out.');
}

interface Imported {
  readonly ceremony: { readonly kind: string; readonly title: string; readonly transcript: string };
  readonly authority: Authority;
  readonly crl: { readonly number: number; readonly entries: number; readonly nextUpdate: string } | null;
}

const importedLines = ({ ceremony, authority, crl }: Imported): string =>
  formatFields([
    ['ceremony', `${ceremony.kind}: ${ceremony.title}`],
    ['transcript', ceremony.transcript],
    ...(crl ? ([['CRL', `${crl.number}, ${crl.entries} revoked, until ${crl.nextUpdate}`]] as const) : []),
  ]) + authorityLines(authority);

interface ImportOptions {
  readonly fleet: string;
  readonly authority?: string;
}

/** `ceremony import`. */
export async function importCeremony(
  invocation: Invocation,
  folder: string,
  { fleet, authority }: ImportOptions,
): Promise<undefined> {
  const files = await readFolder(folder);
  const encoded = [...files].map(([name, octets]) => [name, Buffer.from(octets).toString('base64')]);
  const body = { authority, files: Object.fromEntries(encoded) };
  const call = postJson(`/v1/fleets/${segment(fleet)}/ceremonies`, body);
  const imported = await withClient(invocation, (client) => callJson<Imported>(client, call));
  await show(invocation.output, imported, importedLines);
  sayWarnings(invocation.output, imported.authority.warnings);
}
