/** A device gateway as OpenSSL makes one: `s_server` that lets in who has a certificate under what it trusts. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { scratchFolder } from './service.ts';

export interface OpensslGateway {
  readonly port: number;
  /** Its own certificate, self-signed, PEM: what a device has in root.crt. */
  readonly root: string;
  /**
   * Comes with `openssl s_client` and these credentials, and asks for a page. True if it got it: the
   * server answers only whom it let in.
   */
  letsIn(credentials: readonly string[], env?: Readonly<Record<string, string>>): Promise<boolean>;
  close(): void;
}

async function listening(server: ChildProcess): Promise<void> {
  for await (const text of server.stdout?.setEncoding('utf8') ?? []) {
    if (String(text).includes('ACCEPT')) return;
  }
  throw new Error('s_server ended before it listened');
}

/** The gateway's key and self-signed certificate, in a folder: they may be known before the gateway is there. */
export interface GatewayIdentity {
  readonly folder: string;
  /** PEM. */
  readonly root: string;
}

export function makeGatewayIdentity(): GatewayIdentity {
  const folder = scratchFolder();
  const at = (name: string): string => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('key.pem')];
  const own = ['-subj', '/CN=localhost', '-days', '2', '-out', at('cert.pem')];
  execFileSync('openssl', ['req', '-x509', ...key, ...own], { stdio: 'pipe' });
  return { folder, root: execFileSync('openssl', ['x509', '-in', at('cert.pem')], { encoding: 'utf8' }) };
}

/** Starts one that trusts the certificates in `trusted`, PEM. */
export async function startOpensslGateway(
  trusted: string,
  { folder, root }: GatewayIdentity = makeGatewayIdentity(),
): Promise<OpensslGateway> {
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('trusted.pem'), trusted);
  const port = await freePort();
  const verify = ['-Verify', '4', '-verify_return_error', '-CAfile', at('trusted.pem')];
  const server = spawn(
    'openssl',
    [
      's_server',
      '-accept',
      `127.0.0.1:${port}`,
      '-cert',
      at('cert.pem'),
      '-key',
      at('key.pem'),
      '-www',
      ...verify,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  await listening(server);
  return {
    port,
    root,
    letsIn: async (credentials, env = {}) => {
      const to = ['-connect', `127.0.0.1:${port}`, '-CAfile', at('cert.pem'), '-verify_return_error'];
      const client = spawn('openssl', ['s_client', ...to, '-quiet', ...credentials], {
        stdio: ['pipe', 'pipe', 'ignore'],
        env: { PATH: process.env.PATH, ...env },
      });
      client.stdin.on('error', () => undefined).write('GET / HTTP/1.0\r\n\r\n');
      let page = '';
      client.stdout.setEncoding('utf8').on('data', (text: string) => {
        page += text;
      });
      await once(client, 'close');
      return page.includes('HTTP/1.0 200');
    },
    close: () => server.kill(),
  };
}
