/** The CAs that nobody but this service trusts, after years: each has a successor in time, and what was pinned still fits. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findPinned, presentedChain } from '../../src/cli/client/pin.ts';
import { openReadOnly } from '../../src/store/driver.ts';
import { makeAuthority, makeFleet } from '../support/fleet.ts';
import { withLedgerFile } from '../support/ledger-file.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

/** Of ten years seven are gone. */
const LATER_MS = 7 * 365 * 86_400_000;
const data = scratchFolder();
const work = scratchFolder();
const at = (name: string): string => join(work, name);
let service: Service;
let pin: string;
let presented: readonly Uint8Array[];

const pemOf = (der: Uint8Array): string => new X509Certificate(der).toString();

/** What a service presents. Its clock is not that of this process, so nothing is verified here. */
function look({ apiUrl }: Service): Promise<readonly Uint8Array[]> {
  const { hostname: host, port } = new URL(apiUrl);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(presentedChain(socket));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

const rowsOf = <T>(sql: string): Promise<readonly T[]> =>
  withLedgerFile(service.database, (file) => {
    const connection = openReadOnly(file);
    try {
      return connection.prepare(sql).all() as T[];
    } finally {
      connection.close();
    }
  });

beforeAll(async () => {
  const first = await startService({ data });
  const fleet = await makeFleet(first, 'demo');
  const wish = { name: 'registration', kind: 'registration' };
  await makeAuthority(first, 'demo', fleet.tokens.security, wish);
  pin = first.fingerprint;
  writeFileSync(at('before.pem'), readFileSync(String(first.caFile)));
  await first.stop();
  service = await startService({ data, clockOffsetMs: LATER_MS });
  presented = await look(service);
});

afterAll(() => stopSound(service));

it('the service CA was renewed with its key, and the file that clients trust has both', () => {
  const blocks = readFileSync(String(service.caFile), 'latin1').split(/(?=-----BEGIN)/);
  const [newest, before] = blocks.map((pem) => new X509Certificate(pem));
  expect(blocks).toHaveLength(2);
  expect(newest?.subject).toBe(before?.subject);
  const years = Date.parse(newest?.validTo ?? '') - Date.parse(before?.validTo ?? '');
  expect(years).toBeGreaterThan(6 * 365 * 86_400_000);
  expect(before?.raw).toEqual(new X509Certificate(readFileSync(at('before.pem'))).raw);
});

it('who has pinned the CA of before finds it, and it is announced until its end', () => {
  expect(findPinned(presented, pin)).toBe(1);
  expect(service.fingerprint).toBe(pin);
});

it('what is presented verifies by the file of before, by the new certificate alone, and by both', () => {
  const [newest = ''] = readFileSync(String(service.caFile), 'latin1').split(/(?=-----BEGIN)/);
  writeFileSync(at('newest.pem'), newest);
  writeFileSync(at('leaf.pem'), pemOf(presented[0] as Uint8Array));
  const then = String(Math.floor((Date.now() + LATER_MS) / 1000));
  for (const file of [at('before.pem'), at('newest.pem'), String(service.caFile)]) {
    const said = execFileSync('openssl', [
      'verify',
      '-x509_strict',
      '-attime',
      then,
      '-CAfile',
      file,
      at('leaf.pem'),
    ]);
    expect(said.toString()).toContain('OK');
  }
});

it('the registration CA has a successor, and the one of before drains', async () => {
  const states = async () =>
    (
      await rowsOf<{ state: string }>(
        "SELECT state FROM generation WHERE kind = 'registration' ORDER BY number",
      )
    ).map(({ state }) => state);
  for (let tries = 0; tries < 100 && !(await states()).includes('draining'); tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await states()).toEqual(['draining', 'active']);
});

it('the renewal is on the audit log, after what was to be signed', async () => {
  const actions = (await rowsOf<{ action: string }>('SELECT action FROM audit ORDER BY seq')).map(
    ({ action }) => action,
  );
  const renewed = actions.indexOf('service-ca-renewed');
  expect(actions[renewed - 1]).toBe('service-ca-intent-recorded');
  expect(actions.lastIndexOf('service-ca-renewed')).toBe(renewed);
});
