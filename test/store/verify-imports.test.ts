import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { foldDeviceId } from '../../src/policy/index.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { certificateFingerprint, sha256 as digestOf, parseCertificate } from '../../src/x509/index.ts';
import { makeKey } from '../support/csr.ts';
import { hierarchy } from '../support/hierarchy.ts';
import { findingsAfter } from './doctored.ts';
import { newFleet } from './line.ts';
import { actAt, NOON, sha256 } from './sample.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');

/** Two roots, and two certificates of the first, one of which came revoked. */
beforeAll(async () => {
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const foreign = hierarchy(NOON);
  const fleets = [await newFleet(store), await newFleet(store)];
  const generations = [];
  const roots = [];
  for (const [i, fleet] of fleets.entries()) {
    const root = await foreign.authority('generic', 'fleet-root', `Foreign ${i}`);
    const { serial, der, publicKey, notBefore, notAfter } = root.certificate;
    const given = {
      place: 'first',
      issuerId: null,
      ceremony: null,
      kind: 'root',
      authority: 'root',
    } as const;
    const own = {
      fleetId: fleet.id,
      profile: 'imported',
      keyId: `foreign.${i}`,
      keyDigest: publicKey.digest,
    };
    const made = { ...given, ...own, serial, certificate: der, notBefore, notAfter };
    generations.push(await store.recordGenerationImported(actAt(), made));
    roots.push(root);
  }
  const rows = [];
  for (const [i, deviceId] of ['dev-1', 'dev-2'].entries()) {
    const der = await foreign.device(roots[0] as (typeof roots)[number], deviceId, makeKey());
    const { serial, publicKey, tbs, notBefore, notAfter } = parseCertificate(der);
    rows.push({
      ...{ deviceId, foldedId: foldDeviceId(deviceId), der, serial, notBefore, notAfter },
      ...{
        profile: 'device',
        profileDigest: sha256(Buffer.from('device')),
        issuerId: generations[0]?.id ?? 0,
      },
      ...{ keyDigest: publicKey.digest, tbsDigest: digestOf(tbs), fingerprint: certificateFingerprint(der) },
      revocation: i === 0 ? null : ({ at: new Date('2025-03-01T00:00:00Z'), reason: 'superseded' } as const),
    });
  }
  await store.recordForeign({ act: actAt(), runId: store.runId, fleetId: fleets[0]?.id ?? 0, rows });
  await store.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('what was imported verifies', () => {
  expect(verifyLedger(clean)).toMatchObject({ ok: true, certificates: 2, open: 0 });
});

test.each([
  ['an issuer that did not sign', 'UPDATE intent SET issuer_id = 2', 'was not signed by its issuer'],
  ['a certificate of nobody', "UPDATE certificate SET der = x'3000'", 'imported certificate 1'],
  ['another device', 'UPDATE intent SET device = 2 WHERE id = 1', 'are not what the entry says'],
  ['another key', 'UPDATE intent SET key_digest = zeroblob(32) WHERE id = 1', 'are not what the entry says'],
  [
    'another revocation date',
    'UPDATE certificate SET revoked_at = 1 WHERE revoked_at IS NOT NULL',
    'are not what the entry says',
  ],
  [
    'a revocation that is gone',
    'UPDATE certificate SET revoked_at = NULL, revocation_reason = NULL, revoked_audit_seq = NULL',
    'are not what the entry says',
  ],
  [
    'a certificate that is gone',
    'DELETE FROM certificate WHERE intent_id = 1',
    'are not what the entry says',
  ],
  ['a request that never was', 'UPDATE intent_chunk SET imported = 0', 'no audit entry of its own'],
  ['a list that lacks one', 'DELETE FROM revocation', 'and not so in the list that CRLs are made from'],
])('%s is found', (_, sql, what) => {
  expect(findingsAfter(clean, sql)).toContain(what);
});
