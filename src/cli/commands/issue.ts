import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type Certificate, certificateLines } from '../certificate.ts';
import { type ApiCall, type Client, segment, withClient } from '../client/client.ts';
import { callJson, parseAnswer, postJson, readWhole } from '../client/json.ts';
import { MAX_CSR_OCTETS, requireCsr } from '../csr-file.ts';
import { readStdin, saveFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { parseLabels } from '../labels.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { type Output, sayWarnings, show } from '../output.ts';
import { type SupersedeOptions, supersedeOf } from '../supersede.ts';

type Form = 'json' | 'pem' | 'der' | 'p7' | 'zip';

interface IssueOptions extends SupersedeOptions {
  readonly fleet: string;
  readonly deviceId?: string;
  readonly profile?: string;
  readonly authority?: string;
  readonly notAfter?: string;
  readonly label?: readonly string[];
  readonly out?: string;
  readonly form?: Form;
}

/** PEM and DER are made from the JSON answer, which has the warnings as well. */
const ACCEPT: Readonly<Record<Form, string>> = {
  json: 'application/json',
  pem: 'application/json',
  der: 'application/json',
  p7: 'application/pkcs7-mime',
  zip: 'application/zip',
};

async function readCsr(source: string): Promise<string> {
  if (source === '-') return requireCsr(await readStdin(MAX_CSR_OCTETS), 'stdin');
  const octets = await readFile(source).catch((failure: unknown) => {
    throw fileFailure(source, failure);
  });
  return requireCsr(octets, source);
}

const requestOf = (
  csr: string,
  { deviceId, profile, authority, notAfter, label, ...more }: IssueOptions,
) => ({
  csr,
  deviceId,
  profile,
  authority,
  notAfter,
  labels: label && parseLabels(label),
  supersede: supersedeOf(more),
});

interface Answer {
  readonly certificate: Certificate;
  readonly isReplayed: boolean;
  readonly content: string | Uint8Array;
}

const CONTENT: Readonly<Record<'json' | 'pem' | 'der', (certificate: Certificate) => string | Uint8Array>> = {
  json: (certificate) => `${JSON.stringify(certificate)}\n`,
  pem: ({ chain }) => chain,
  der: ({ certificate }) => new X509Certificate(certificate).raw,
};

async function readAnswer(client: Client, answer: IncomingMessage, form: Form): Promise<Answer> {
  const octets = await readWhole(client, answer);
  const isReplayed = answer.headers['idempotency-replayed'] === 'true';
  if (form !== 'p7' && form !== 'zip') {
    const certificate = parseAnswer<Certificate>(octets.toString('utf8'));
    return { certificate, isReplayed, content: CONTENT[form](certificate) };
  }
  const path = answer.headers.location ?? '';
  const certificate = await callJson<Certificate>(client, { method: 'GET', path });
  return { certificate, isReplayed, content: octets };
}

function verifyFits(output: Output, form: Form, out: string | undefined): void {
  const isBinary = form !== 'json' && form !== 'pem';
  if (!isBinary || out !== undefined) return;
  if (output.json) throw new LocalFailure('usage', `The form ${form} beside --json needs --out.`);
  if (output.stdoutIsTerminal) throw new LocalFailure('usage', `The form ${form} on a terminal needs --out.`);
}

async function* once(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

/** The certificate goes to the file or to stdout; what was done is told on what is left. */
async function deliver(
  { output }: Invocation,
  { certificate, isReplayed, content }: Answer,
  out: string | undefined,
): Promise<void> {
  const done = `${isReplayed ? 'replayed' : 'issued'} ${certificate.id}`;
  sayWarnings(output, certificate.warnings);
  if (out === undefined) {
    if (!output.json) output.say(done);
    await output.data(content);
    return;
  }
  // A certificate is no secret; nor is a key in any of these forms.
  await saveFile(out, 0o644, once(content));
  await show(output, { ...certificate, replayed: isReplayed, out }, () => certificateLines(certificate));
  if (!output.json) output.say(`${done}: ${out}`);
}

/** `issue`: one request, one certificate. */
export async function issue(
  invocation: Invocation,
  source: string,
  options: IssueOptions,
): Promise<undefined> {
  const { output } = invocation;
  const form = options.form ?? (output.json && options.out === undefined ? 'json' : 'pem');
  verifyFits(output, form, options.out);
  const request = requestOf(await readCsr(source), options);
  const call = postJson(`/v1/fleets/${segment(options.fleet)}/certificates`, request);
  // The same request again gives the same certificate, so one whose answer was lost is sent again.
  const repeatable: ApiCall = {
    ...call,
    headers: { ...call.headers, Accept: ACCEPT[form] },
    isRepeatable: true,
  };
  await withClient(invocation, async (client) => {
    const answer = await client.send(repeatable);
    await deliver(invocation, await readAnswer(client, answer, form), options.out);
  });
}
