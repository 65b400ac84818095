import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodePem } from '../../../asn1/index.ts';
import type { Workshop } from '../workshop.ts';

const run = promisify(execFile);

/** As the manuals tell it: a shell, a loop, a process for each certificate. */
const LOOP = `set -e
for csr in *.csr; do
  openssl x509 -req -in "$csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -sha256 -out "$csr.crt" 2> /dev/null
done`;

const CA = [
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
  ...['-keyout', 'ca.key', '-out', 'ca.crt', '-days', '3650', '-subj', '/CN=bench'],
];

/** Certificates a second that a shell loop over `openssl x509 -req` makes of requests (PKCS#10, DER). */
export async function paceOfOpenssl(workshop: Workshop, requests: readonly Uint8Array[]): Promise<number> {
  const folder = join(workshop.folder, 'openssl');
  await mkdir(folder, { mode: 0o700 });
  await run('openssl', CA, { cwd: folder });
  await Promise.all(
    requests.map((der, i) => writeFile(join(folder, `${i}.csr`), encodePem('CERTIFICATE REQUEST', der))),
  );
  const began = performance.now();
  const loop = workshop.spawn('sh', ['-c', LOOP], { cwd: folder, stdio: 'ignore' });
  const [status] = await once(loop, 'exit');
  if (status !== 0) throw new Error(`the loop over openssl ended with ${status}`);
  return requests.length / ((performance.now() - began) / 1000);
}
