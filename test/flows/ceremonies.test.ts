/** The key of a root stays away from the service: ceremonies on a machine without one, and what the service takes in. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callPlain } from '../support/client.ts';
import { makeToken } from '../support/fleet.ts';
import { opensslFolder } from '../support/openssl.ts';
import { type Ran, runFleetca } from '../support/run-fleetca.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

const openssl = opensslFolder();
const at = (...names: readonly string[]): string => join(openssl.folder, ...names);
let service: Service;

/** On the machine of the ceremony: there is neither a service nor a data folder. */
const run = (...args: readonly string[]): Promise<Ran> => runFleetca({ cwd: openssl.folder }, ...args);

const ceremony = (file: string, out: string, ...more: readonly string[]): Promise<Ran> =>
  run('ceremony', 'run', file, '--out', out, ...more);

/** In the office, with the service. */
const ask = (...args: readonly string[]): Promise<Ran> =>
  runFleetca(
    {
      cwd: openssl.folder,
      env: { FLEETCA_URL: service.apiUrl, FLEETCA_TOKEN_FILE: at('security'), FLEETCA_DATA: service.data },
    },
    ...args,
  );

async function must(ran: Promise<Ran>): Promise<string> {
  const { status, out, err } = await ran;
  if (status !== 0) throw new Error(`${status}\n${err}`);
  return `${out}${err}`;
}

const published = async (path: string) => callPlain(String(service.publicUrl), 'GET', `/pki/demo/${path}`);

const ROOT = `ceremony: root
title: Root of the demo fleet
custodians: [Ada Lovelace, Grace Hopper, Alan Turing]
target: ota-connect
key:
  algorithm: ec-p384
  file: keys/demo-root.pem
  shares: { needed: 2 }
certificate:
  commonName: Demo Fleet Root
  validityDays: 7300
crl: { validDays: 400 }
`;

const verifyTranscript = (folder: string, ca: string) =>
  openssl.attempt(
    ...['cms', '-verify', '-binary', '-inform', 'DER', '-in', `${folder}/transcript.p7s`],
    ...['-content', `${folder}/transcript.json`, '-CAfile', ca, '-purpose', 'any', '-out', '/dev/null'],
  );

beforeAll(async () => {
  service = await startService();
  const json = { name: 'demo', target: 'ota-connect' };
  await service.call('POST', '/v1/fleets', { token: service.admin, json });
  openssl.write('security', await makeToken(service, { name: 'security', role: 'security', fleet: 'demo' }));
  openssl.write('root.yaml', ROOT);
});

afterAll(async () => {
  openssl.remove();
  await stopSound(service);
});

describe('a root ceremony', () => {
  it('is rehearsed without a key, and nothing of it is taken in', async () => {
    await must(ceremony('root.yaml', 'rehearsal', '--rehearse'));
    expect(existsSync(at('keys'))).toBe(false);
    const names = readdirSync(at('rehearsal'));
    expect(names.every((name) => name.startsWith('REHEARSAL-'))).toBe(true);
    expect(openssl.run('x509', '-in', 'rehearsal/REHEARSAL-root.crt', '-noout', '-subject')).toContain(
      'OU = REHEARSAL',
    );
    expect(await must(run('ceremony', 'verify', 'rehearsal'))).toContain('REHEARSAL of root');
    const refused = await ask('ceremony', 'import', 'rehearsal', '--fleet', 'demo');
    expect([refused.status, refused.err]).toEqual([
      2,
      expect.stringContaining('bad-ceremony: This was a rehearsal'),
    ]);
  });

  it('leaves a root, its first CRL, a transcript that OpenSSL verifies, and a share for each custodian', async () => {
    const said = await must(ceremony('root.yaml', 'root', '--shares', 'shares'));
    expect(said).toContain('split its passphrase: 2 of 3 shares give it');
    expect(readdirSync(at('root'))).toEqual(['root.crl', 'root.crt', 'transcript.json', 'transcript.p7s']);
    expect(readdirSync(at('shares'))).toEqual(['share-1.txt', 'share-2.txt', 'share-3.txt']);
    for (const name of ['keys/demo-root.pem', 'shares/share-1.txt'])
      expect(statSync(at(name)).mode & 0o777).toBe(0o600);
    expect(verifyTranscript('root', 'root/root.crt').status).toBe(0);
    openssl.run('verify', '-x509_strict', '-CAfile', 'root/root.crt', 'root/root.crt');
    expect(
      openssl.attempt('crl', '-in', 'root/root.crl', '-noout', '-CAfile', 'root/root.crt').printed,
    ).toContain('verify OK');
    const transcript = JSON.parse(openssl.read('root/transcript.json'));
    expect(transcript).toMatchObject({
      rehearsal: false,
      custodians: ['Ada Lovelace', 'Grace Hopper', 'Alan Turing'],
      key: { place: 'file', made: true, shares: { needed: 2, total: 3 } },
    });
  });

  it('is verified without a service, and refused where a file or the transcript was changed', async () => {
    expect(await must(run('ceremony', 'verify', 'root'))).toContain('Root of the demo fleet');
    const good = readFileSync(at('root/transcript.json'), 'utf8');
    writeFileSync(at('root/transcript.json'), good.replace('Alan Turing', 'Alan Turin '));
    expect(verifyTranscript('root', 'root/root.crt').status).not.toBe(0);
    const changed = await run('ceremony', 'verify', 'root');
    expect([changed.status, changed.err]).toEqual([3, expect.stringContaining('signature does not hold')]);
    writeFileSync(at('root/transcript.json'), good);
    const crl = readFileSync(at('root/root.crl'));
    writeFileSync(at('root/root.crl'), `${crl}\n`);
    expect((await run('ceremony', 'verify', 'root')).err).toContain(
      'root.crl is not the file of the transcript',
    );
    writeFileSync(at('root/root.crl'), crl);
  });

  it('is taken in: the root is active without its key, its CRL is published, and the log tells of it', async () => {
    const said = await must(ask('ceremony', 'import', 'root', '--fleet', 'demo'));
    expect(said).toMatch(/root, generation 1, active/);
    expect(said).toContain('EC P-384, offline');
    expect((await published('fleet-root.pem')).text()).toContain(openssl.read('root/root.crt').trim());
    expect((await published('crls.pem')).text()).toBe(openssl.read('root/root.crl'));
    // The same again changes nothing.
    await must(ask('ceremony', 'import', 'root', '--fleet', 'demo'));
    const token = await makeToken(service, { name: 'auditor', role: 'auditor' });
    const audit = (await service.call('GET', '/v1/audit?limit=1000', { token })).json();
    const entries = audit.items.filter(({ details }: { details: object }) => 'ceremony' in details);
    expect(entries.map(({ action }: { action: string }) => action)).toEqual([
      'generation-imported',
      'crl-issued',
    ]);
    expect(entries[0].details.ceremony.custodians).toHaveLength(3);
  });

  it('leaves a service that refuses what that key is to sign', async () => {
    const made = await ask('authority', 'create', 'line-7', '--fleet', 'demo', '--kind', 'issuing');
    expect([made.status, made.err]).toEqual([5, expect.stringContaining('key-offline')]);
    const keys = readdirSync(join(service.data, 'keys')).filter((name) => name.startsWith('demo.'));
    expect(keys).toEqual([]);
  });
});
