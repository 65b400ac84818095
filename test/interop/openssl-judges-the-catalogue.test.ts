import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckCode, checkBundle, tryGateway } from '../../src/check/index.ts';
import { systemClock } from '../../src/clock.ts';
import { encodeCertificatePem, parseForeignCertificate } from '../../src/x509/index.ts';
import { CATALOGUE, type Case } from '../check/catalogue.ts';
import { NOW } from '../check/certify.ts';
import { root } from '../check/world.ts';
import { seededRandom } from '../support/fixed.ts';
import { freePort } from '../support/free-port.ts';
import { opensslFolder } from '../support/openssl.ts';

/** X509_STORE_CTX_get_error(3): what OpenSSL says of a chain of which we say this. */
const ERRORS: Partial<Readonly<Record<CheckCode, readonly number[]>>> = {
  'gateway-lacks-root': [2],
  // 20 where the key identifiers already say that it is another CA.
  'chain-broken': [7, 20],
  'leaf-not-yet-valid': [9],
  'ca-not-yet-valid': [9],
  'leaf-expired': [10],
  'ca-expired': [10],
  'self-signed': [18],
  untrusted: [19, 20],
  'chain-incomplete': [20],
  'issuer-unknown': [20],
  'leaf-alone': [20],
  'path-length': [25],
  'purpose-leaf': [26],
  'purpose-ca': [26],
  'purpose-any': [26],
  'unknown-critical-extension': [34],
  'weak-signature': [68],
  'issuer-not-ca': [79],
  'key-explicit-curve': [94],
};
/** Where OpenSSL by itself has no fault to find, and -x509_strict has. */
const STRICT: ReadonlySet<string> = new Set(['ca-not-strict', 'leaf-not-strict']);

const judged = (one: Case) => {
  const trust = one.trust === undefined ? [root] : one.trust;
  const { files, target = 'generic', passphrase = '' } = one;
  const said = checkBundle({
    files,
    target,
    passphrase,
    now: NOW,
    trust: trust?.map(({ der }) => parseForeignCertificate(der)) ?? null,
  });
  const codes = said.report.findings.map(({ code }) => code);
  return {
    title: one.title,
    parts: said.parts,
    presented: said.presented.map(({ der }) => encodeCertificatePem(der)),
    trusted: said.trust?.map(({ der }) => encodeCertificatePem(der)).join('') ?? '',
    errors: codes.flatMap((code) => ERRORS[code] ?? []),
    isStrict: codes.every((code) => !STRICT.has(code)),
    codes,
  };
};

const isJudged = ({ presented, trusted, codes }: ReturnType<typeof judged>): boolean =>
  presented.length > 0 && trusted !== '' && !codes.includes('chain-order');
/**
 * What a gateway is shown, and by whom that is trusted, each once; a chain in the wrong order is judged as
 * another.
 */
const CHAINS = [
  ...new Map(
    CATALOGUE.map(judged)
      .filter(isJudged)
      .toReversed()
      .map((one) => [[...one.presented, one.trusted].join('|'), one]),
  ).values(),
];

const folder = opensslFolder();
afterAll(() => folder.remove());
const AT = String(Math.floor(NOW.getTime() / 1000));

/** The number of the error that `openssl verify` ends with; null where it is content. */
function verify({ presented: [leaf = '', ...rest], trusted }: (typeof CHAINS)[number], ...more: string[]) {
  folder.write('leaf.pem', leaf);
  folder.write('rest.pem', rest.join(''));
  folder.write('trusted.pem', trusted);
  const between = rest.length > 0 ? ['-untrusted', 'rest.pem'] : [];
  const told = ['-purpose', 'sslclient', '-auth_level', '1', '-attime', AT, ...more];
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
  /** A device that fails on its own side shows a gateway nothing. */
  const callers = CHAINS.filter(
    ({ title, trusted, parts, codes }) =>
      trusted === encodeCertificatePem(root.der) &&
      parts.key?.key?.object &&
      !codes.some((code) => code.startsWith('key-')) &&
      !title.includes('PKCS#12'),
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
