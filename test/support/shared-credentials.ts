/**
 * What aktualizr-cert-provider, and aktualizr with shared credentials, do on their side of registration: they
 * open the p12 of credentials.zip with libcrypto and an empty passphrase, post to `/devices` with libcurl,
 * and open the answer likewise. Here the same libraries do it, by their commands.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchFolder } from './service.ts';

/** A p12 after `parseP12`: the certificate is the leaf and every CA in the file; the root is every CA. */
export interface OpenedCredentials {
  readonly pkey: string;
  readonly cert: string;
  readonly ca: string;
}

const BLOCK = /-----BEGIN [^-]+-----\n[^-]+-----END [^-]+-----\n/g;

/** The PEM of a p12, less what the command writes beside it. Fails as libcrypto does where that cannot open it. */
function readWith(file: string, ...what: readonly string[]): string {
  const printed = execFileSync('openssl', ['pkcs12', '-in', file, '-passin', 'pass:', ...what], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return (printed.match(BLOCK) ?? []).join('');
}

export function openCredentials(p12: Uint8Array): OpenedCredentials {
  const file = join(scratchFolder(), 'credentials.p12');
  writeFileSync(file, p12);
  const ca = readWith(file, '-cacerts', '-nokeys');
  return {
    pkey: readWith(file, '-nocerts', '-nodes'),
    cert: readWith(file, '-clcerts', '-nokeys') + ca,
    ca,
  };
}

export interface Registered {
  readonly status: number;
  /** The answer's body: a p12, or JSON. */
  readonly body: Buffer;
  /** The status of curl: 0 where HTTP was spoken. */
  readonly curl: number | null;
}

/** Files of credentials as libcurl is given them. */
function writeCredentials({ pkey, cert, ca }: OpenedCredentials): readonly string[] {
  const folder = scratchFolder();
  const put = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return ['--cacert', put('root.crt', ca), '--cert', put('client.pem', cert), '--key', put('pkey.pem', pkey)];
}

async function curl(args: readonly string[]): Promise<Registered> {
  const out = join(scratchFolder(), 'answer');
  const child = spawn('curl', ['--silent', '--output', out, '--write-out', '%{http_code}', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let status = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    status += text;
  });
  const [code] = await once(child, 'close');
  return { status: Number(status), curl: code, body: code === 0 ? readFileSync(out) : Buffer.alloc(0) };
}

/** `POST {autoprov.url}/devices`; `body` is what the client writes, to the octet. */
export const postDevices = (url: string, shared: OpenedCredentials, body: string): Promise<Registered> =>
  curl([
    ...writeCredentials(shared),
    '--header',
    'Content-Type: application/json',
    '--header',
    'Accept: */*',
    '--data-binary',
    body,
    `${url}/devices`,
  ]);

/** A request as an aktualizr sends it that has imported these; its gateway is asked for a page. */
export const callGateway = (port: number, own: OpenedCredentials): Promise<Registered> =>
  curl([...writeCredentials(own), `https://localhost:${port}/`]);
