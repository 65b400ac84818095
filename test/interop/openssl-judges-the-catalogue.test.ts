import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBundle, tryGateway } from '../../src/check/index.ts';
import { systemClock } from '../../src/clock.ts';
import { encodeCertificatePem } from '../../src/x509/index.ts';
import { CATALOGUE, type Case } from '../check/catalogue.ts';
import { NOW } from '../check/certify.ts';
import { CHAINS, PRESENTED } from '../check/chains.ts';
import { root } from '../check/world.ts';
import { seededRandom } from '../support/fixed.ts';
import { freePort } from '../support/free-port.ts';
import { opensslFolder } from '../support/openssl.ts';

const folder = opensslFolder();
afterAll(() => folder.remove());
const AT = String(Math.floor(NOW.getTime() / 1000));

/** The number of the error that `openssl verify` ends with; null where it is content. */
function verify(one: (typeof CHAINS)[number], ...more: string[]) {
  const {
    presented: [leaf = '', ...rest],
    trusted,
    crls,
  } = one;
  folder.write('leaf.pem', leaf);
  folder.write('rest.pem', rest.join(''));
  folder.write('trusted.pem', trusted);
  const between = rest.length > 0 ? ['-untrusted', 'rest.pem'] : [];
  folder.write('crls.pem', crls);
  const looked = crls === '' ? [] : ['-crl_check_all', '-CRLfile', 'crls.pem'];
  const told = ['-purpose', 'sslclient', '-auth_level', '1', '-attime', AT, ...looked, ...more];
  const { status, printed } = folder.attempt(
    'verify',
    ...told,
    '-no-CApath',
    '-no-CAstore',
    '-CAfile',
    'trusted.pem',
    ...between,
    'leaf.pem',
  );
  return status === 0 ? null : Number(/error (\d+) at/.exec(printed)?.[1] ?? Number.NaN);
}

describe('openssl verify', () => {
  it.each(CHAINS.map((one) => [one.title, one] as const))(
    'says of a chain what the check says: %s',
    (_, one) => {
      const error = verify(one);
      if (one.errors.length === 0) expect(error).toBeNull();
      else expect(one.errors).toContain(error);
    },
  );

  it.each(CHAINS.filter(({ errors }) => errors.length === 0).map((one) => [one.title, one] as const))(
    'says to the letter of RFC 5280 what the check notes: %s',
    (_, one) => {
      expect(verify(one, '-x509_strict') === null).toBe(one.isStrict);
    },
  );
});

describe('openssl s_server that trusts the fleet root alone', () => {
  let server: ChildProcess;
  let port = 0;
  const callers = PRESENTED.filter(
    ({ trusted, crls }) => trusted === encodeCertificatePem(root.der) && crls === '',
  );

  beforeAll(async () => {
    folder.run(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', 'server.key', '-out', 'server.pem', '-subj', '/CN=localhost', '-days', '2'],
    );
    folder.write('fleet.pem', encodeCertificatePem(root.der));
    port = await freePort();
    server = spawn(
      'openssl',
      [
        ...['s_server', '-accept', `127.0.0.1:${port}`, '-cert', 'server.pem', '-key', 'server.key', '-www'],
        ...['-Verify', '10', '-verify_return_error', '-attime', AT, '-CAfile', 'fleet.pem'],
        ...['-no-CApath', '-no-CAstore'],
      ],
      { cwd: folder.folder, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    for await (const text of server.stdout?.setEncoding('utf8') ?? [])
      if (String(text).includes('ACCEPT')) break;
  });
  afterAll(() => void server.kill());

  /** The page that it answers to whom it let in. */
  async function call({ presented, parts }: (typeof CHAINS)[number], version: string): Promise<boolean> {
    const [leaf = '', ...rest] = presented;
    folder.write('own.pem', leaf);
    folder.write('chain.pem', rest.join(''));
    const key = parts.key?.key?.object?.export({ type: 'pkcs8', format: 'pem' });
    folder.write('own.key', String(key));
    const between = rest.length > 0 ? ['-cert_chain', 'chain.pem'] : [];
    const client = spawn(
      'openssl',
      [
        ...['s_client', '-connect', `127.0.0.1:${port}`, version, '-quiet', '-cert', 'own.pem'],
        ...['-key', 'own.key', ...between],
      ],
      { cwd: folder.folder, stdio: ['pipe', 'pipe', 'ignore'] },
    );
    client.stdin.on('error', () => undefined).write('GET / HTTP/1.0\r\n\r\n');
    let page = '';
    client.stdout.setEncoding('utf8').on('data', (text: string) => {
      page += text;
    });
    await once(client, 'close');
    return page.includes('HTTP/1.0 200');
  }

  it.each(callers.map((one, i) => [one.title, one, i % 2 === 0 ? '-tls1_3' : '-tls1_2'] as const))(
    'lets in whom the check says it will: %s',
    async (_, one, version) => {
      expect(await call(one, version)).toBe(one.errors.length === 0);
    },
  );

  it.each([
    ['other CA, with its intermediate', 48],
    ['EKU serverAuth only', 43],
    ['expired', 45],
  ])('sends an alert that the check gives its name: %s, alert %i', async (title, number) => {
    const one = CATALOGUE.find((each) => each.title === title) as Case;
    const files = one.files.map((file) =>
      file.path === 'root.crt' ? { ...file, content: folder.readOctets('server.pem') } : file,
    );
    const said = checkBundle({ files, target: 'generic', trust: null, passphrase: '', now: NOW });
    const around = { clock: systemClock, random: seededRandom('alerts') };
    const { findings } = await tryGateway(said, new URL(`https://localhost:${port}`), around);
    const refusals = findings.filter(({ code }) => code === 'gateway-refuses').map(({ message }) => message);
    expect(refusals).toHaveLength(2);
    for (const message of refusals) expect(message).toContain(`alert ${number} (`);
  });

  it('is called with a good part of the catalogue', () => {
    expect(callers.length).toBeGreaterThan(30);
  });
});
