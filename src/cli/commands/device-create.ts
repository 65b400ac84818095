import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../folder.ts';
import { type Certificate, certificateLines } from '../certificate.ts';
import { type ApiCall, segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import { readPassphraseFile, saveFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { parseLabels } from '../labels.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { once } from '../once.ts';
import { sayWarnings, show } from '../output.ts';
import { readWarnings } from '../read-warnings.ts';
import { readRecipientFile } from '../recipient-file.ts';
import { type SupersedeOptions, supersedeOf } from '../supersede.ts';

interface CreateOptions extends SupersedeOptions {
  readonly fleet: string;
  readonly out: string;
  readonly keyAlgorithm?: string;
  readonly recipient?: string;
  readonly profile?: string;
  readonly authority?: string;
  readonly notAfter?: string;
  readonly label?: readonly string[];
  readonly layout?: string;
  readonly passphraseFile?: string;
}

interface Created extends Certificate {
  readonly privateKey?: string;
  readonly envelope?: string;
}

const SECRET = 0o600;

async function verifyFree(path: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw new LocalFailure('usage', `${path} is there already; it is not replaced.`);
}

/** Before a key is made that is handed out once: there is a place for it, and no other key in that. */
async function openFolder(folder: string, name: string): Promise<void> {
  try {
    await makeFolder(folder, 0o700);
  } catch (failure) {
    throw fileFailure(folder, failure);
  }
  await verifyFree(join(folder, name));
}

async function callOf(deviceId: string, options: CreateOptions): Promise<ApiCall> {
  const {
    fleet,
    out: _out,
    layout,
    passphraseFile,
    recipient,
    label,
    supersede: _supersede,
    revokeOld: _revokeOld,
    ...fields
  } = options;
  const request = {
    deviceId,
    ...fields,
    passphrase: passphraseFile === undefined ? undefined : await readPassphraseFile(passphraseFile),
    labels: label && parseLabels(label),
    supersede: supersedeOf(options),
    recipient: recipient === undefined ? undefined : (await readRecipientFile(recipient)).pem,
  };
  const json = postJson(`/v1/fleets/${segment(fleet)}/devices`, request);
  const call = layout === undefined ? json : { ...json, query: { layout } };
  // With a recipient the same call gives the same envelope; without one it would find the key gone.
  return recipient === undefined ? call : { ...call, isRepeatable: true };
}

async function createFiles(
  invocation: Invocation,
  deviceId: string,
  options: CreateOptions,
  call: ApiCall,
): Promise<undefined> {
  const { output } = invocation;
  const { out } = options;
  const name = options.recipient === undefined ? 'pkey.pem' : 'pkey.cms';
  await openFolder(out, name);
  const made = await withClient(invocation, (client) => callJson<Created>(client, call));
  const { privateKey, envelope, ...certificate } = made;
  await saveFile(join(out, name), SECRET, once(privateKey ?? envelope ?? ''));
  await saveFile(join(out, 'client.pem'), SECRET, once(certificate.chain));
  sayWarnings(output, certificate.warnings);
  await show(output, { ...certificate, out }, () => certificateLines(certificate));
  if (!output.json) output.say(`${name} and client.pem of ${deviceId}: ${out}`);
}

/** With `--layout`: the bundle, which has the key, to a file. */
async function createBundle(
  invocation: Invocation,
  deviceId: string,
  { fleet, out, layout }: CreateOptions,
  call: ApiCall,
): Promise<undefined> {
  const { output } = invocation;
  await verifyFree(out);
  const warnings = await withClient(invocation, async (client) => {
    const answer = await client.send({ ...call, headers: { ...call.headers, Accept: 'application/zip' } });
    await saveFile(out, SECRET, client.read(answer));
    return readWarnings(answer);
  });
  sayWarnings(output, warnings);
  await show(output, { fleet, deviceId, layout, out, warnings }, () => '');
  if (!output.json) output.say(`The bundle of ${deviceId}: ${out}`);
}

/** `device create`: key and certificate to a folder, the key first, for it is nowhere else; or a bundle. */
export async function createDevice(
  invocation: Invocation,
  deviceId: string,
  options: CreateOptions,
): Promise<undefined> {
  const call = await callOf(deviceId, options);
  return options.layout === undefined
    ? createFiles(invocation, deviceId, options, call)
    : createBundle(invocation, deviceId, options, call);
}
