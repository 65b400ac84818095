import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type DetailedPeerCertificate, type SecureVersion } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectClient } from '../support/client.ts';
import { type Service, scratchFolder, startRefused, startService, stopSound } from '../support/service.ts';

let service: Service;

beforeAll(async () => {
  service = await startService({ flags: { apiNames: 'ca.example.com,127.0.0.1' } });
});

afterAll(() => stopSound(service));

interface Handshake {
  readonly protocol: string | null;
  readonly peer: DetailedPeerCertificate;
}

function shake({ apiUrl }: { apiUrl: string }, options: ConnectionOptions): Promise<Handshake> {
  const { hostname: host, port } = new URL(apiUrl);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), ...options });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve({ protocol: socket.getProtocol(), peer: socket.getPeerCertificate(true) });
      socket.destroy();
    });
  });
}

const ca = (): Buffer => readFileSync(String(service.caFile));

describe('the protocol', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
    const { protocol } = await shake(service, { ca: ca(), minVersion: version, maxVersion: version });
    expect(protocol).toBe(version);
  });

  it.each(['TLSv1', 'TLSv1.1'] as const)('%s is refused', async (version: SecureVersion) => {
    const old = { ca: ca(), minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(shake(service, old)).rejects.toMatchObject({
      code: expect.stringMatching(/VERSION|ECONNRESET/),
    });
  });

  it('asks no client for a certificate', async () => {
    const { hostname, port } = new URL(service.apiUrl);
    const args = [
      's_client',
      '-connect',
      `${hostname}:${port}`,
      '-tls1_2',
      '-CAfile',
      String(service.caFile),
    ];
    const said = execFileSync('openssl', args, {
      input: '',
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    expect(said).toContain('No client certificate CA names sent');
    expect(said).toContain('Verify return code: 0 (ok)');
  });
});

describe("the service's own certificate", () => {
  it('is of the CA whose fingerprint is the pin', async () => {
    const { peer } = await shake(service, { ca: ca() });
    const pinned = new X509Certificate(ca());
    expect(service.fingerprint).toBe(pinned.fingerprint256.replaceAll(':', '').toLowerCase());
    expect(peer.issuerCertificate.fingerprint256).toBe(pinned.fingerprint256);
  });

  it('has the names that are configured and no others', async () => {
    const { peer } = await shake(service, { ca: ca() });
    expect(peer.subjectaltname).toBe('DNS:ca.example.com, IP Address:127.0.0.1');
    await shake(service, { ca: ca(), servername: 'ca.example.com' });
    await expect(shake(service, { ca: ca(), servername: 'localhost' })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('is for servers alone and ends within 90 days', async () => {
    const { peer } = await shake(service, { ca: ca() });
    expect(peer.ext_key_usage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(Date.parse(peer.valid_to) - Date.now()).toBeLessThanOrEqual(90 * 86_400_000);
  });

  it('is not trusted by who does not have the CA', async () => {
    await expect(shake(service, {})).rejects.toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' });
  });

  it('is no part of what a fleet publishes', async () => {
    await service.call('POST', '/v1/fleets', {
      token: service.admin,
      json: { name: 'demo', target: 'generic' },
    });
    expect((await service.call('GET', '/pki/demo/trust-bundle.pem')).status).toBe(404);
  });
});

/** A certificate as an operator brings it. */
function makeOwn(folder: string, name: string, ...more: readonly string[]) {
  const [keyFile, certificateFile] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const subject = ['-subj', '/CN=ca.example.com', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '30'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', keyFile, '-out', certificateFile];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...files, ...more], { stdio: 'pipe' });
  return { tlsCertificateFile: certificateFile, tlsKeyFile: keyFile };
}

describe("the operator's certificate", () => {
  const folder = scratchFolder();

  it('is what the API presents, and its own fingerprint is the pin', async () => {
    const flags = makeOwn(folder, 'own');
    const own = await startService({ flags });
    const certificate = new X509Certificate(readFileSync(flags.tlsCertificateFile));
    expect(own.caFile).toBeNull();
    expect(own.fingerprint).toBe(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
    const client = connectClient(own.apiUrl, flags.tlsCertificateFile);
    expect((await client.call('GET', '/v1/fleets', { token: own.admin })).status).toBe(200);
    client.hangUp();
    await stopSound(own);
  });

  it('is refused at start where the key is another one, encrypted or missing, or the certificate is none', async () => {
    const flags = makeOwn(folder, 'one');
    const other = makeOwn(folder, 'two');
    const junk = join(folder, 'junk.pem');
    writeFileSync(junk, 'junk');
    const locked = join(folder, 'locked.key');
    const encrypt = [
      'pkcs8',
      '-topk8',
      '-in',
      flags.tlsKeyFile,
      '-out',
      locked,
      '-passout',
      'pass:canary-word',
    ];
    execFileSync('openssl', encrypt, { stdio: 'pipe' });
    chmodSync(locked, 0o600);
    const wrong: readonly Partial<typeof flags>[] = [
      { tlsKeyFile: other.tlsKeyFile },
      { tlsKeyFile: locked },
      { tlsKeyFile: join(folder, 'nothing.key') },
      { tlsCertificateFile: junk },
    ];
    for (const change of wrong) {
      const refused = await startRefused({ flags: { ...flags, ...change } });
      expect([refused.name, refused.status]).toEqual(['StartRefusal', 1]);
      const [path] = Object.values(change);
      expect(refused.message).toContain(path);
      expect(refused.message).not.toContain('\n');
    }
  });
});
