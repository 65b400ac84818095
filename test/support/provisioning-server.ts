/** A fleet's people with nothing but OpenSSL: a fleet root, a gateway's root, registration credentials, and zips of them. */
import { createWriteStream, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';
import { ZipFile } from 'yazl';
import { opensslFolder } from './openssl.ts';

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const rootConfig = (cn: string, purposes: string): string => `
[req]
prompt = no
distinguished_name = dn
x509_extensions = v3
[dn]
CN = ${cn}
[v3]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = critical, ${purposes}
subjectKeyIdentifier = hash
`;

/** What they have made, by file names without endings: `<name>.pem` and `<name>.key`. */
export function makeWorkshop() {
  const openssl = opensslFolder();

  function root(name: string, cn: string, purposes: string): void {
    openssl.write(`${name}.cnf`, rootConfig(cn, purposes));
    openssl.run(
      'req',
      '-x509',
      ...EC,
      '-days',
      '3650',
      '-config',
      `${name}.cnf`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
    );
  }

  function under(issuer: string, name: string, cn: string, extensions: string): void {
    openssl.write(`${name}.ext`, extensions);
    openssl.run('req', '-new', ...EC, '-subj', `/CN=${cn}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const signing = ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial', '-days', '365'];
    openssl.run(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signing,
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
  }

  /** PKCS#12 with an empty password; with `-legacy`, RC2-40 as the tools of HERE wrote it. */
  function p12(name: string, cas: readonly string[], ...how: readonly string[]): Buffer {
    openssl.write('cas.pem', cas.map((ca) => openssl.read(`${ca}.pem`)).join(''));
    const files = ['-inkey', `${name}.key`, '-in', `${name}.pem`, '-out', `${name}.p12`];
    openssl.run(
      'pkcs12',
      '-export',
      ...files,
      ...(cas.length > 0 ? ['-certfile', 'cas.pem'] : []),
      '-passout',
      'pass:',
      ...how,
    );
    return openssl.readOctets(`${name}.p12`);
  }

  root('fleet', 'fleet root', 'serverAuth, clientAuth');
  root('gateway-root', 'gateway root', 'serverAuth');
  under(
    'gateway-root',
    'gateway',
    'localhost',
    'subjectAltName = DNS:localhost, IP:127.0.0.1\nextendedKeyUsage = serverAuth',
  );
  return { ...openssl, root, under, p12 };
}

/** Writes a zip of these entries. */
export async function writeZip(
  path: string,
  entries: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(entries)) zip.addBuffer(Buffer.from(content), name);
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
  return path;
}

export interface Registration {
  readonly deviceId: unknown;
  readonly ttl: unknown;
  readonly path: string | undefined;
  readonly method: string | undefined;
  readonly contentType: string | undefined;
  /** Whose certificate asked. */
  readonly registrar: string;
}

/** What it answers a registration with; `cut` breaks the connection off. */
export type RegistrationAnswer = { readonly status: number; readonly body: string | Uint8Array } | 'cut';

/** A server that takes `POST /devices` over mutual TLS from whoever a CA named `registrar-ca` has certified. */
export async function startRegistrationServer(
  folder: string,
  files: { readonly key: string; readonly cert: string; readonly ca: string },
  answer: (registration: Registration) => RegistrationAnswer | Promise<RegistrationAnswer>,
) {
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  const seen: Registration[] = [];
  const server = createServer(
    {
      key: read(files.key),
      cert: read(files.cert),
      ca: read(files.ca),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (req, res) => {
      let text = '';
      req.setEncoding('utf8').on('data', (piece) => {
        text += piece;
      });
      req.on('end', async () => {
        const { deviceId, ttl } = JSON.parse(text);
        const registrar = String((req.socket as TLSSocket).getPeerCertificate().subject.CN);
        const { url: path, method } = req;
        const registration = {
          deviceId,
          ttl,
          path,
          method,
          contentType: req.headers['content-type'],
          registrar,
        };
        seen.push(registration);
        const given = await answer(registration);
        if (given === 'cut') return void req.socket.destroy();
        res.writeHead(given.status, { 'Content-Type': 'application/octet-stream' }).end(given.body);
      });
    },
  );
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}`,
    seen,
    stop: (): Promise<void> => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
