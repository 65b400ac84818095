import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, makeListIfDue } from '../../src/ca/index.ts';
import { readGatewayCrls } from '../../src/status/index.ts';
import {
  encodeCertificatePem,
  encodeCrlPem,
  KEY_ALGORITHMS,
  type KeyAlgorithm,
  type RevokedEntry,
} from '../../src/x509/index.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { issueTo } from '../support/issue-to.ts';
import { type MemoryCa, memoryCa } from '../support/memory-ca.ts';
import { opensslFolder } from '../support/openssl.ts';

const world = memoryCa({ now: new Date(Math.floor(Date.now() / 1000) * 1000).toISOString() });
const openssl = opensslFolder();
afterAll(async () => {
  openssl.remove();
  await world.close();
});

const TERMS = { validHours: 168, everyHours: 24 };

const certtool = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync('certtool', args, { cwd: openssl.folder, encoding: 'utf8' });
  return { status, printed: stdout + stderr };
};

let fleets = 0;

/** A fleet whose root has a key of a kind, with an issuing authority and three devices: one is revoked. */
async function makeLine({ ca, act, store }: MemoryCa, keyAlgorithm: KeyAlgorithm) {
  const fleet = await world.fleet(`crl-${++fleets}`);
  const wish = { keyAlgorithm, profile: null, commonName: null } as const;
  const root = await createAuthority(ca, act(), fleet, { ...wish, name: 'root', kind: 'root' });
  const line = await createAuthority(ca, act(), fleet, { ...wish, name: 'line', kind: 'issuing' });
  const issue = (id: string) => issueTo(world, fleet, line.generation, id);
  const [good, bad, scrapped] = [await issue('good'), await issue('bad'), await issue('scrapped')];
  await store.markRevoked(act(), bad.fingerprint, 'keyCompromise');
  await store.markRevoked(act(), scrapped.fingerprint, 'unspecified');
  const authorities = [root.generation, line.generation];
  for (const generation of authorities) await makeListIfDue(ca, act(), generation, TERMS);
  const cas = authorities.map(({ certificate }) => encodeCertificatePem(certificate));
  openssl.write('cas.pem', cas.join(''));
  openssl.write('crls.pem', await readGatewayCrls(ca, fleet.name));
  openssl.write('line.pem', cas[1] ?? '');
  const list = await store.findList(line.generation.id);
  openssl.write('line.crl', encodeCrlPem(list?.der ?? new Uint8Array()));
  for (const [name, { der }] of Object.entries({ good, bad, scrapped }))
    openssl.write(`${name}.pem`, encodeCertificatePem(der));
  return { number: list?.number ?? 0, bad };
}

/** RSA of one size stands for both. */
const KEYS = KEY_ALGORITHMS.filter((algorithm) => algorithm !== 'rsa-4096');

describe.each(KEYS)('CRLs under a key of %s', (keyAlgorithm) => {
  let line: Awaited<ReturnType<typeof makeLine>>;
  beforeAll(async () => {
    line = await makeLine(world, keyAlgorithm);
  });

  it('are read and verified by OpenSSL, which refuses what they list and nothing else', () => {
    const { number, bad } = line;
    const text = openssl.run('crl', '-in', 'line.crl', '-noout', '-text');
    expect(text).toContain('Version 2 (0x1)');
    // OpenSSL writes small numbers in decimal, and longer ones in hex.
    expect(text).toContain(`X509v3 CRL Number: \n                ${number}\n`);
    expect(text).toContain(Buffer.from(bad.serial).toString('hex').toUpperCase());
    expect(text.match(/Key Compromise/g)).toHaveLength(1);
    expect(text.match(/Serial Number:/g)).toHaveLength(2);
    const verified = openssl.attempt('crl', '-in', 'line.crl', '-noout', '-verify', '-CAfile', 'line.pem');
    expect(verified.printed).toContain('verify OK');
    const verify = (name: string) =>
      openssl.attempt(
        ...['verify', '-x509_strict', '-crl_check_all', '-purpose', 'sslclient'],
        ...['-CAfile', 'cas.pem', '-CRLfile', 'crls.pem', `${name}.pem`],
      ).printed;
    expect(verify('good')).toBe('good.pem: OK\n');
    expect(verify('bad')).toContain('error 23 at 0 depth lookup: certificate revoked');
    expect(verify('scrapped')).toContain('certificate revoked');
  });

  it.skipIf(isLeftOut('certtool'))(
    'are read and verified by GnuTLS, which refuses what they list',
    async () => {
      await makeLine(world, keyAlgorithm);
      const read = certtool('--crl-info', '--infile', 'line.crl');
      expect(read.printed).toContain('Revoked certificates (2)');
      const signed = certtool('--verify-crl', '--load-ca-certificate', 'line.pem', '--infile', 'line.crl');
      expect(signed.printed).toContain('Verified');
      const verify = (name: string) =>
        certtool(
          ...['--verify', '--load-ca-certificate', 'cas.pem', '--load-crl', 'crls.pem'],
          ...['--infile', `${name}.pem`],
        ).printed;
      expect(verify('good')).toContain('The certificate is trusted');
      expect(verify('bad')).toContain('revoked');
    },
  );
});

/** The longest that the event loop stood still, milliseconds. */
async function longestPause(doing: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  await doing();
  clearInterval(timer);
  return longest;
}

it('a CRL of 100,000 entries is made without holding up others, and OpenSSL reads it', async () => {
  const fleet = await world.fleet('large');
  const root = await world.root(fleet);
  const entries: readonly RevokedEntry[] = Array.from({ length: 100_000 }, (_, i) => ({
    serial: Buffer.from(`41${i.toString(16).padStart(30, '0')}`, 'hex'),
    revokedAt: world.clock.now(),
    reason: 'superseded',
  }));
  let at = 0;
  const revocations = {
    ...world.store,
    findListState: async () => ({ lastNumber: 0, published: null, lastRevocation: 1, isSealed: false }),
    listRevocations: async (_: unknown, __: unknown, limit: number) => {
      // As a store's answer comes: in a later turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      at += limit;
      return entries.slice(at - limit, at);
    },
  };
  const pause = await longestPause(() =>
    makeListIfDue({ ...world.ca, revocations }, world.act(), root, TERMS),
  );
  const list = await world.store.findList(root.id);
  expect(list?.entries).toBe(100_000);
  openssl.write('large.crl', list?.der ?? new Uint8Array());
  openssl.write('root.pem', encodeCertificatePem(root.certificate));
  const flags = ['-inform', 'DER', '-in', 'large.crl', '-noout', '-verify', '-CAfile', 'root.pem'];
  expect(openssl.attempt('crl', ...flags).printed).toContain('verify OK');
  // Some 30 ms on a quiet machine: digest, signature and its verification over 4 MB.
  expect(pause).toBeLessThan(1_000);
});
