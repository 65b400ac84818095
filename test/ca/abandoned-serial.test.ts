import { afterAll, expect, it } from 'vitest';
import { issue, makeListIfDue } from '../../src/ca/index.ts';
import { parseCertificate, parseCrl, readRevokedEntries } from '../../src/x509/index.ts';
import { makeCsr } from '../support/csr.ts';
import { contextOf, memoryCa } from '../support/memory-ca.ts';

const world = memoryCa();
afterAll(() => world.close());

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

it('what was signed and never recorded is revoked by its serial, and the next CRL lists it', async () => {
  const { ca, store, act, clock } = world;
  const fleet = await world.fleet('demo');
  const root = await world.root(fleet);
  const requests = [{ form: 'request', octets: makeCsr({ deviceId: 'dev-1' }), fields: '{}' } as const];
  const chunk = await ca.steps.prepare({ context: contextOf(fleet, root), requests, at: clock.now() });
  let signed: Uint8Array | undefined;
  // As a crash between steps 4 and 5: the certificate is there, and is recorded nowhere.
  const cutOff = {
    ...chunk,
    sign: async (rows: readonly number[]) => {
      signed = (await chunk.sign(rows))[0]?.der;
      throw new Error('the end');
    },
  };
  await expect(issue(ca, { act: act(), fleetId: fleet.id, batchId: null, chunk: cutOff })).rejects.toThrow(
    'the end',
  );
  const { serial } = parseCertificate(signed ?? new Uint8Array());
  await store.abandonIntents(act(), ca.runId, [...ca.stranded]);
  expect(await store.findCertificatesBySerial(serial)).toEqual([]);

  const [intent] = await store.findAbandoned(fleet.id, serial);
  await store.revokeAbandoned(act(), intent?.intentId ?? 0, 'unspecified');
  await makeListIfDue(ca, act(), root, { validHours: 168, everyHours: 24 });
  const crl = parseCrl((await store.findList(root.id))?.der ?? new Uint8Array());
  const listed = [...readRevokedEntries(crl.entries)].map((entry) => hex(entry.serial));
  expect(listed).toEqual([hex(serial)]);
});
