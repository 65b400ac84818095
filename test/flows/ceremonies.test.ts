/** The key of a root stays away from the service: ceremonies on a machine without one, and what the service takes in. */
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callPlain } from '../support/client.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { makeDevice, makeToken } from '../support/fleet.ts';
import { opensslFolder } from '../support/openssl.ts';
import { blocksOf, paste, readPage, workFolder } from '../support/paste-page.ts';
import { type Ran, runFleetca } from '../support/run-fleetca.ts';
import { type Service, startService, stopSound } from '../support/service.ts';
import { makeSoftToken, SOFTHSM, TOKEN_LABEL, TOKEN_TOOLS } from '../support/soft-token.ts';

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

/** A device's certificate with what it presents, PEM; and what OpenSSL says of it at a gateway that reads CRLs. */
async function verdictOn(deviceId: string): Promise<string> {
  const { csr } = makeDevice(deviceId);
  const issued = await service.call('POST', '/v1/fleets/demo/certificates', {
    token: await makeToken(service, { name: 'line', role: 'station', fleet: 'demo' }),
    json: { csr: Buffer.from(csr).toString('base64'), authority: 'line-7' },
    headers: { accept: 'application/pem-certificate-chain' },
  });
  if (issued.status !== 201) throw new Error(issued.text());
  openssl.write('device.pem', issued.text());
  openssl.write('bundle.pem', (await published('trust-bundle.pem')).text());
  openssl.write('crls.pem', (await published('crls.pem')).text());
  return openssl.attempt(
    ...['verify', '-x509_strict', '-crl_check_all', '-purpose', 'sslclient', '-CAfile', 'bundle.pem'],
    ...['-CRLfile', 'crls.pem', '-untrusted', 'device.pem', 'device.pem'],
  ).printed;
}

const SIGNER = (file: string) => `signer:
  certificate: root/root.crt
  key: { file: ${file}, passphrase: shares }
`;
const PEOPLE =
  'title: A ceremony\ncustodians: [Ada Lovelace, Grace Hopper, Alan Turing]\ntarget: ota-connect\n';
const TWO_SHARES = ['--share', 'shares/share-3.txt', '--share', 'shares/share-1.txt'];

describe('an issuing authority under the offline root', () => {
  it('asks for its certificate with a request that OpenSSL takes, and the same again while it is open', async () => {
    const csr = ['authority', 'csr', 'line-7', '--fleet', 'demo', '--out'];
    const said = await must(ask(...csr, 'line-7.csr'));
    expect(said).toContain('CN=demo line-7 G1');
    const read = openssl.run('req', '-in', 'line-7.csr', '-noout', '-verify', '-text');
    expect(read).toMatch(/CA:TRUE, pathlen:0[\s\S]*Certificate Sign, CRL Sign/);
    await must(ask(...csr, 'again.csr'));
    const keyOf = (file: string) => openssl.run('req', '-in', file, '-noout', '-pubkey');
    expect(keyOf('again.csr')).toBe(keyOf('line-7.csr'));
    openssl.write(
      'line.yaml',
      `ceremony: issuing\n${PEOPLE}${SIGNER('keys/demo-root.pem')}request: line-7.csr\n`,
    );
  });

  it('is certified with enough shares alone', async () => {
    const short = await ceremony('line.yaml', 'line', '--share', 'shares/share-2.txt');
    expect([short.status, short.err]).toEqual([
      2,
      expect.stringContaining('2 shares are needed, and there are 1'),
    ]);
    const text = readFileSync(at('shares/share-1.txt'), 'utf8');
    openssl.write('typed.txt', text.replace(/^(3 {2}.)./m, '$1*'));
    const typed = await ceremony(
      'line.yaml',
      'line',
      '--share',
      'typed.txt',
      '--share',
      'shares/share-3.txt',
    );
    expect(typed.err).toContain('Line 3 of typed.txt has the character *');
    expect(existsSync(at('line/transcript.json'))).toBe(false);
  });

  it('is taken in, and issues devices that OpenSSL accepts with all CRLs', async () => {
    await must(ceremony('line.yaml', 'line', ...TWO_SHARES));
    expect(verifyTranscript('line', 'root/root.crt').status).toBe(0);
    openssl.run('verify', '-x509_strict', '-CAfile', 'root/root.crt', 'line/issuing.crt');
    const said = await must(ask('ceremony', 'import', 'line', '--fleet', 'demo'));
    expect(said).toMatch(/line-7, generation 1, active/);
    await must(ask('ceremony', 'import', 'line', '--fleet', 'demo'));
    expect(await verdictOn('VIN-1')).toContain('device.pem: OK');
  });
});

describe('a cross-certificate', () => {
  const verify = (...args: readonly string[]): boolean =>
    openssl.attempt('verify', '-x509_strict', ...args, 'line-2/issuing.crt').status === 0;
  const gnutls = (ca: string, ...sent: readonly string[]): boolean => {
    openssl.write('sent.pem', ['line-2/issuing.crt', ...sent].map((name) => openssl.read(name)).join(''));
    const files = ['--load-ca-certificate', at(ca), '--infile', at('sent.pem')];
    return spawnSync('certtool', ['--verify', ...files]).status === 0;
  };

  it('leads verifiers that hold the first root to what the second has signed, while it holds, and nobody else', async () => {
    const second = ROOT.replaceAll('keys/demo-root.pem', 'keys-2/second-root.pem').replace(
      'Fleet Root\n',
      'Fleet Root 2\n',
    );
    openssl.write('root-2.yaml', second);
    await must(ceremony('root-2.yaml', 'root-2', '--shares', 'shares-2'));
    const cross = `ceremony: cross\n${PEOPLE}${SIGNER('keys/demo-root.pem')}subject: root-2/root.crt\n`;
    openssl.write('cross.yaml', cross);
    await must(ceremony('cross.yaml', 'cross', ...TWO_SHARES));
    const signer = SIGNER('keys-2/second-root.pem').replace('root/root.crt', 'root-2/root.crt');
    openssl.write('line-2.yaml', `ceremony: issuing\n${PEOPLE}${signer}request: line-7.csr\n`);
    const shares = ['--share', 'shares-2/share-1.txt', '--share', 'shares-2/share-2.txt'];
    await must(ceremony('line-2.yaml', 'line-2', ...shares));

    expect(verify('-CAfile', 'root-2/root.crt')).toBe(true);
    expect(verify('-CAfile', 'root/root.crt')).toBe(false);
    expect(verify('-CAfile', 'root/root.crt', '-untrusted', 'cross/cross.crt')).toBe(true);
    expect(verify('-CAfile', 'cross/cross.crt')).toBe(false);
    const end = new X509Certificate(openssl.read('cross/cross.crt')).validTo;
    const later = String(Date.parse(end) / 1000 + 60);
    const both = ['-CAfile', 'root/root.crt', '-untrusted', 'cross/cross.crt'];
    expect(verify(...both, '-attime', later)).toBe(false);
    openssl.write('wrong.pem', openssl.read('root-2/root.crt'));
    expect(verify('-CAfile', 'root/root.crt', '-untrusted', 'wrong.pem')).toBe(false);
    if (isLeftOut('certtool')) return;
    expect(gnutls('root-2/root.crt')).toBe(true);
    expect(gnutls('root/root.crt')).toBe(false);
    expect(gnutls('root/root.crt', 'cross/cross.crt')).toBe(true);
  });
});

describe('a CRL of the offline root', () => {
  it('lists what the ceremony revoked, and its number only grows', async () => {
    const serial =
      openssl.run('x509', '-in', 'line/issuing.crt', '-noout', '-serial').trim().split('=')[1] ?? '';
    const list = (revoked: string) =>
      `ceremony: crl\n${PEOPLE}${SIGNER('keys/demo-root.pem')}previous: root/root.crl\ncrl: { validDays: 20 }\n${revoked}`;
    openssl.write('list.yaml', list(''));
    await must(ceremony('list.yaml', 'list', ...TWO_SHARES));
    await must(ask('ceremony', 'import', 'list', '--fleet', 'demo'));
    expect((await published('crls.pem')).text()).toContain(openssl.read('list/root.crl').trim());
    // What is published already counts, whatever is brought again.
    const shown = await must(ask('authority', 'show', 'root', '--fleet', 'demo'));
    expect(shown).toContain('Its CRL runs out on');
    const revoked = `revoked:\n  - { serial: '${serial.toLowerCase()}', at: 2026-06-01T00:00:00Z, reason: keyCompromise }\n`;
    openssl.write('taken.yaml', list(revoked).replace('root/root.crl', 'list/root.crl'));
    await must(ceremony('taken.yaml', 'taken', ...TWO_SHARES));
    await must(ask('ceremony', 'import', 'taken', '--fleet', 'demo'));
    const older = await ask('ceremony', 'import', 'list', '--fleet', 'demo');
    expect([older.status, older.err]).toEqual([5, expect.stringContaining('already-exists')]);
    expect(await verdictOn('VIN-2')).toContain('certificate revoked');
  });
});

describe('an authority under an external root', () => {
  it('takes the certificate that OpenSSL signs for its request, and no other', async () => {
    const json = { name: 'other', target: 'generic' };
    await service.call('POST', '/v1/fleets', { token: service.admin, json });
    openssl.write('security', await makeToken(service, { name: 'all', role: 'security' }));
    openssl.run(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3650'],
      ...['-keyout', 'ext.key', '-out', 'ext.crt', '-subj', '/CN=House Root'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    );
    await must(ask('authority', 'import', 'root', '--fleet', 'other', '--certificate', 'ext.crt'));
    await must(ask('authority', 'csr', 'line-1', '--fleet', 'other', '--out', 'line-1.csr'));
    const sign = (out: string, days: string, ext: string) => {
      openssl.write('ext.cnf', ext);
      openssl.run(
        ...['x509', '-req', '-in', 'line-1.csr', '-CA', 'ext.crt', '-CAkey', 'ext.key', '-days', days],
        ...['-extfile', 'ext.cnf', '-out', out],
      );
    };
    const install = (file: string) => ask('authority', 'install', 'line-1', file, '--fleet', 'other');
    const usual = 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n';
    sign('leaf.crt', '365', 'basicConstraints=CA:FALSE\n');
    sign('mail.crt', '365', `${usual}extendedKeyUsage=emailProtection\n`);
    sign('short.crt', '10', usual);
    sign('good.crt', '365', `${usual}subjectKeyIdentifier=hash\n`);
    expect((await install('leaf.crt')).err).toContain('it is no CA');
    expect((await install('mail.crt')).err).toContain('lacks clientAuth');
    expect((await install('short.crt')).err).toContain('with under 30 days left');
    expect((await install('ext.crt')).err).toContain('for another key than that of the request');
    expect(await must(install('good.crt'))).toMatch(/line-1, generation 1, active/);
    await must(install('good.crt'));
    expect((await install('short.crt')).err).toContain('not-found');
  });
});

/** The key of a ceremony in a token, as in a safe. */
describe.skipIf(TOKEN_TOOLS.some(isLeftOut))('a root whose key is made in a token', () => {
  it('is signed there, with its transcript', async () => {
    const token = makeSoftToken(openssl.folder);
    const where = `{ module: ${SOFTHSM}, label: ${TOKEN_LABEL}, pinFile: ${token.pinFile}, key: safe root }`;
    openssl.write(
      'token.yaml',
      `ceremony: root\n${PEOPLE}key: { algorithm: ec-p256, token: ${where} }\ncertificate: { commonName: Safe Root }\n`,
    );
    const { status, err } = await runFleetca(
      { cwd: openssl.folder, env: token.env },
      ...['ceremony', 'run', 'token.yaml', '--out', 'safe'],
    );
    expect([status, err]).toEqual([0, expect.anything()]);
    expect(verifyTranscript('safe', 'safe/root.crt').status).toBe(0);
    expect(JSON.parse(openssl.read('safe/transcript.json')).key).toMatchObject({
      place: 'token',
      made: true,
    });
    expect(token.tool('--list-objects', '--type', 'privkey')).toContain('safe root');
  });
});

describe('docs/ceremonies.md', () => {
  it('works as it stands, block by block', async () => {
    for (const name of ['paper', 'partner'])
      await service.call('POST', '/v1/fleets', {
        token: service.admin,
        json: { name, target: 'ota-connect' },
      });
    const { cwd, env } = workFolder(await makeToken(service, { name: 'page', role: 'security' }));
    for (const [, file = '', content = ''] of readPage('ceremonies.md').matchAll(
      /```yaml\n# (\S+)\n(.*?)```/gs,
    ))
      writeFileSync(join(cwd, file), content);
    const house = opensslFolder();
    house.run(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3650'],
      ...['-keyout', 'house-root.key', '-out', 'house-root.crt', '-subj', '/CN=House Root 2'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    );
    for (const name of ['house-root.key', 'house-root.crt']) writeFileSync(join(cwd, name), house.read(name));
    house.remove();
    const said = await paste(blocksOf('ceremonies.md'), {
      service,
      cwd,
      env,
      instead: { '--fleet demo': '--fleet paper' },
    });
    expect(said).toMatch(
      /root, generation 1, active[\s\S]*line-7, generation 1, active[\s\S]*line-1, generation 1, active/,
    );
  });
});
