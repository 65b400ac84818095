import { createHash, X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { PkiError } from '../../errors.ts';
import { makeFolder } from '../../folder.ts';
import { type Client, segment, withClient } from '../client/client.ts';
import { readPublished } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { formatFields } from '../table.ts';
import { publishToServer, type ServerOptions } from './publish-to-server.ts';

const FILES = ['fleet-root.pem', 'fleet-root.der', 'trust-bundle.pem', 'fingerprint.txt'] as const;
type FileName = (typeof FILES)[number];
type Published = Readonly<Record<FileName, Buffer>>;

async function fetchFile(
  client: Client,
  fleet: string,
  name: FileName,
): Promise<readonly [FileName, Buffer]> {
  const path = `/pki/${segment(fleet)}/${name}`;
  return [name, await readPublished(client, path)];
}

const CRLS = 'crls.pem';

/** The CRLs for the gateway, or why there are none: an authority of the fleet may not sign them. */
async function fetchCrls(client: Client, fleet: string): Promise<Buffer | PkiError> {
  const path = `/pki/${segment(fleet)}/${CRLS}`;
  try {
    return await readPublished(client, path);
  } catch (failure) {
    if (failure instanceof PkiError && failure.code === 'crl-not-possible') return failure;
    throw failure;
  }
}

/** Writes the CRLs whole, or takes away those that are there no longer. Gives the files that it wrote. */
async function placeCrls(folder: string, crls: Buffer | PkiError): Promise<readonly string[]> {
  const path = join(folder, CRLS);
  if (crls instanceof PkiError) {
    await rm(path, { force: true });
    return [];
  }
  await writeFileAtomic(path, crls, { mode: 0o644 });
  return [path];
}

/** The fingerprint, after a look whether all files speak of the same root. Throws `service-defect`. */
function verifyAgreement(files: Published): string {
  const der = files['fleet-root.der'];
  const fingerprint = createHash('sha256').update(der).digest('hex');
  const agrees =
    files['fingerprint.txt'].toString('utf8').trim() === `sha256 ${fingerprint}` &&
    new X509Certificate(files['fleet-root.pem']).raw.equals(der);
  if (agrees) return fingerprint;
  // The root may have been changed between two of the calls.
  throw new LocalFailure('service-defect', 'The published files do not speak of one root: ask again.');
}

interface PublishOptions extends Omit<ServerOptions, 'server'> {
  readonly server?: string;
}

/** `publish`: what a gateway must trust, as files; with `--server`, what one server needs. */
export async function publish(
  invocation: Invocation,
  fleet: string,
  { server, ...options }: PublishOptions,
): Promise<undefined> {
  if (server !== undefined) return publishToServer(invocation, fleet, { server, ...options });
  if (options.code !== undefined || options.reload !== undefined)
    throw new LocalFailure('usage', '--code and --reload are for a server: name it with --server.');
  return publishFiles(invocation, fleet, options.out);
}

async function publishFiles(invocation: Invocation, fleet: string, out: string): Promise<undefined> {
  const { output } = invocation;
  const { files, crls } = await withClient(invocation, async (client) => ({
    files: Object.fromEntries(
      await Promise.all(FILES.map((name) => fetchFile(client, fleet, name))),
    ) as Published,
    crls: await fetchCrls(client, fleet),
  }));
  const fingerprint = verifyAgreement(files);
  const written = FILES.map((name) => join(out, name));
  try {
    await makeFolder(out);
    for (const name of FILES) await writeFileAtomic(join(out, name), files[name], { mode: 0o644 });
    written.push(...(await placeCrls(out, crls)));
  } catch (failure) {
    throw fileFailure(out, failure);
  }
  const published = { fleet, fingerprint, files: written };
  await show(output, published, () =>
    formatFields([['SHA-256', fingerprint], ...written.map((path) => ['file', path] as const)]),
  );
  if (crls instanceof PkiError && !output.json) output.say(`No ${CRLS}: ${crls.message}`);
}
