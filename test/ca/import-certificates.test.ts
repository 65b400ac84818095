import { afterAll, describe, expect, it } from 'vitest';
import {
  type Fleet,
  type ForeignCertificateRow,
  type ForeignOutcome,
  importCertificates,
  importIssuing,
  importOfflineRoot,
  issuersOf,
} from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';
import { type Certificate, parseCertificates } from '../../src/x509/index.ts';
import { foreignRoot } from '../support/foreign-ca.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { opensslFolder } from '../support/openssl.ts';
import { codeOfPromise } from '../support/refusal.ts';

const openssl = opensslFolder();
const one = (file: string): Certificate => parseCertificates(openssl.read(file))[0] as Certificate;

const root = foreignRoot(openssl, 'root', 'Old Root');
const sub = root.under('sub', 'Old Line');
const stranger = foreignRoot(openssl, 'stranger', 'Somebody Else');
root.issue('dev-1', 'dev-1');
sub.issue('dev-2', 'dev-2');
sub.issue('dev-2', 'dev-2-next');
stranger.issue('dev-3', 'dev-3');

/** An hour after OpenSSL, whose clock is the real one, made them. */
const world = memoryCa({ now: new Date(one('root/ca.pem').notBefore.getTime() + 3_600_000).toISOString() });
afterAll(async () => {
  openssl.remove();
  await world.close();
});

let fleets = 0;
async function migrated(): Promise<Fleet> {
  const fleet = await world.fleet(`m${fleets++}`);
  await importOfflineRoot(world.ca, world.act(), fleet, {
    name: 'root',
    certificate: one('root/ca.pem'),
    ceremony: null,
  });
  await importIssuing(world.ca, world.act(), fleet, {
    name: 'line',
    certificate: one('sub/ca.pem'),
    key: null,
  });
  return fleet;
}

const row = (file: string, more: Partial<ForeignCertificateRow> = {}): ForeignCertificateRow => ({
  der: one(`${file}.pem`).der,
  deviceId: null,
  revocation: null,
  ...more,
});

const take = (
  fleet: Fleet,
  rows: readonly (ForeignCertificateRow | PkiError)[],
  mode: 'record' | 'judge' = 'record',
): Promise<readonly ForeignOutcome[]> =>
  importCertificates(world.ca, world.act(), fleet, { profile: null, rows, mode });

const codes = (outcomes: readonly ForeignOutcome[]) =>
  outcomes.map(({ status, refusal }) => refusal?.code ?? status);

describe('a fleet whose keys stay away', () => {
  // A CA's key is one authority's in the whole service: one fleet has them all.
  const fleet = migrated();

  it('stands as it did: the intermediate under its root, both imported and offline', async () => {
    const generations = await world.ca.ledger.listGenerations((await fleet).id);
    expect(
      generations.map(({ authority, kind, imported, keyId }) => [
        authority,
        kind,
        imported,
        keyId.endsWith('.offline'),
      ]),
    ).toEqual([
      ['root', 'root', true, true],
      ['line', 'issuing', true, true],
    ]);
    expect(issuersOf(generations, generations[1]?.id ?? 0).map(({ authority }) => authority)).toEqual([
      'line',
      'root',
    ]);
  });

  it('a dry run says what would happen, and does nothing', async () => {
    const rows = [row('dev-1'), row('dev-3')];
    expect(codes(await take(await fleet, rows, 'judge'))).toEqual(['imported', 'issuer-unknown']);
    expect(await world.ca.ledger.findDevice((await fleet).id, 'dev-1')).toBeUndefined();
  });

  it('takes what its CAs signed, newest first by its dates, and nothing twice', async () => {
    const [old, next] = [one('dev-2.pem'), one('dev-2-next.pem')];
    const rows = [row('dev-2-next'), row('dev-1'), row('dev-2')];
    expect(codes(await take(await fleet, rows))).toEqual(['imported', 'imported', 'imported']);
    expect(codes(await take(await fleet, rows))).toEqual(['known', 'known', 'known']);
    const held = await world.ca.ledger.listDeviceCertificates((await fleet).id, 'dev-2', 10);
    expect(held.every(({ imported }) => imported)).toBe(true);
    const live = held.filter(({ supersededAt }) => supersededAt === null);
    const due = old.notBefore > next.notBefore ? old : next;
    if (old.notBefore.getTime() !== next.notBefore.getTime())
      expect(live.map(({ serial }) => Buffer.from(serial))).toEqual([Buffer.from(due.serial)]);
    else expect(live).toHaveLength(1);
  });

  it('revokes what comes revoked later', async () => {
    const revoked = { at: null, reason: 'keyCompromise' } as const;
    const [outcome] = await take(await fleet, [row('dev-1', { revocation: revoked })]);
    expect(outcome).toMatchObject({ status: 'known', isRevoked: true });
    const [certificate] = await world.ca.ledger.listDeviceCertificates((await fleet).id, 'dev-1', 1);
    expect(certificate?.revocationReason).toBe('keyCompromise');
  });

  it('refuses row by row what does not belong here', async () => {
    const flipped = Uint8Array.from(one('dev-1.pem').der);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    const rows = [
      row('dev-1', { der: flipped }),
      row('dev-1', { der: flipped.subarray(0, 40) }),
      row('sub/ca'),
      row('dev-2', { deviceId: '../x' }),
      new PkiError('bad-row', 'unreadable'),
    ];
    expect(codes(await take(await fleet, rows))).toEqual([
      'bad-signature',
      'bad-der',
      'bad-ca-certificate',
      'bad-device-id',
      'bad-row',
    ]);
  });

  it('knows the keys of imported devices', async () => {
    openssl.run(
      'req',
      '-new',
      '-config',
      'sub/ca.cnf',
      '-subj',
      '/CN=dev-9',
      '-key',
      'dev-1.key',
      '-out',
      'copy.csr',
    );
    const out = ['-in', 'copy.csr', '-notext', '-out', 'copy.pem', '-days', '10'];
    openssl.run('ca', '-batch', '-config', 'sub/ca.cnf', ...out);
    const [outcome] = await take(await fleet, [row('copy')]);
    expect(outcome?.refusal).toMatchObject({ code: 'key-of-another-device', facts: { owner: 'dev-1' } });
  });

  it('an intermediate of nobody is refused', async () => {
    const wish = { name: 'other', certificate: one('sub/ca.pem'), key: null };
    expect(await codeOfPromise(importIssuing(world.ca, world.act(), await world.fleet('empty'), wish))).toBe(
      'bad-ca-certificate',
    );
  });
});
