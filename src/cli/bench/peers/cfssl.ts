import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { encodePem } from '../../../asn1/index.ts';
import { driveRequests, type Endpoint } from '../drive-requests.ts';
import type { AnswerPace } from '../findings.ts';
import type { Workshop } from '../workshop.ts';

const run = promisify(execFile);
const HOST = '127.0.0.1';
const START_TRIES = 100;
const PAUSE_MS = 100;

/** `cfssl serve` with a P-256 CA that it made itself, over HTTPS. */
export interface Cfssl {
  /** The same client as for the service, and the same requests (PKCS#10, DER). */
  drive(requests: readonly Uint8Array[]): Promise<AnswerPace>;
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, HOST, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** cfssl does not take 0 for any free port. */
async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

function writeWish(folder: string, name: string): Promise<void> {
  const wish = { CN: `bench ${name}`, key: { algo: 'ecdsa', size: 256 }, names: [{ O: 'bench' }] };
  return writeFile(join(folder, `${name}.json`), JSON.stringify(wish));
}

/** Makes a key and a certificate as the wish of that name says; cfssl prints both as JSON. */
async function generate(folder: string, name: string, args: readonly string[]): Promise<string> {
  const all = ['gencert', '-loglevel', '5', ...args, `${name}.json`];
  const { stdout } = await run('cfssl', all, { cwd: folder });
  const { cert, key } = JSON.parse(stdout) as { cert: string; key: string };
  await writeFile(join(folder, `${name}.crt`), cert);
  await writeFile(join(folder, `${name}.key`), key, { mode: 0o600 });
  return cert;
}

async function waitFor(port: number): Promise<void> {
  for (let tries = 0; tries < START_TRIES; tries++) {
    if (await isListening(port)) return;
    await sleep(PAUSE_MS);
  }
  throw new Error('cfssl serve does not answer');
}

/** Starts it in the workshop. */
export async function startCfssl(workshop: Workshop): Promise<Cfssl> {
  const folder = join(workshop.folder, 'cfssl');
  await mkdir(folder, { mode: 0o700 });
  await writeWish(folder, 'ca');
  // Another name than the CA's: a certificate that names itself as its issuer is taken for self-signed.
  await writeWish(folder, 'tls');
  const ca = await generate(folder, 'ca', ['-initca']);
  await generate(folder, 'tls', ['-ca', 'ca.crt', '-ca-key', 'ca.key', '-hostname', HOST]);
  const port = await findFreePort();
  workshop.spawn(
    'cfssl',
    [
      ...['serve', '-loglevel', '5', '-address', HOST, '-port', String(port)],
      ...['-ca', 'ca.crt', '-ca-key', 'ca.key', '-tls-cert', 'tls.crt', '-tls-key', 'tls.key'],
    ],
    { cwd: folder, stdio: 'ignore' },
  );
  await waitFor(port);
  const endpoint: Endpoint = {
    url: new URL(`https://${HOST}:${port}/api/v1/cfssl/sign`),
    ca,
    headers: { 'content-type': 'application/json' },
  };
  const bodyOf = (der: Uint8Array): Buffer =>
    Buffer.from(JSON.stringify({ certificate_request: encodePem('CERTIFICATE REQUEST', der) }));
  return { drive: (requests) => driveRequests(endpoint, requests.map(bodyOf)) };
}
