import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type CaContext,
  destroyKey,
  type Generation,
  generationCertificate,
  makeListIfDue,
  type StoredCertificate,
  stageGeneration,
} from '../../src/ca/index.ts';
import { certificateFingerprint, parseCrl, revokedSerials } from '../../src/x509/index.ts';
import { issueTo } from '../support/issue-to.ts';
import { type MemoryCa, memoryCa } from '../support/memory-ca.ts';
import { refusalOfPromise } from '../support/refusal.ts';

let world: MemoryCa;
let fleet: Awaited<ReturnType<MemoryCa['fleet']>>;
let old: Generation;
let serial: string;
let ended: StoredCertificate;

const TERMS = { validHours: 48, everyHours: 12 };
const HOUR = 3_600_000;
const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const move = (name: 'publish' | 'activate' | 'retire', number: number) =>
  world.store.moveGeneration(world.act(), {
    ...{ fleetId: fleet.id, authority: 'line-7', number, move: name, forced: null },
    terms: { publishHours: 0 },
  });

/** An issuing authority in its second generation; the first has a CRL, a revoked certificate, and is retired. */
beforeEach(async () => {
  world = memoryCa();
  fleet = await world.fleet('demo');
  await world.root(fleet);
  old = await world.issuing(fleet, 'line-7');
  const issued = await issueTo(world, fleet, old, 'unit-1');
  serial = hex(issued.serial);
  ended = await issueTo(world, fleet, old, 'unit-2');
  await makeListIfDue(world.ca, world.act(), old, TERMS);
  await world.store.markRevoked(world.act(), issued.fingerprint, 'superseded');
  await stageGeneration(world.ca, world.act(), fleet, 'line-7', {
    ...{ keyAlgorithm: null, profile: null, commonName: null },
  });
  await move('publish', 2);
  await move('activate', 2);
  world.clock.set(new Date(ended.notAfter.getTime() + 1000));
  await move('retire', 1);
});
afterEach(() => world.close());

const wishFor = (generation: Generation) => ({
  authority: generation.authority,
  number: generation.number,
  fingerprint: hex(certificateFingerprint(generation.certificate)),
  reason: 'nothing stands under it',
});

const destroy = (ca: CaContext = world.ca) => destroyKey(ca, world.act(), fleet, wishFor(old));

async function expectDestroyed(listed: readonly string[] = [serial]): Promise<void> {
  const all = await world.store.listGenerations(fleet.id);
  expect(all.map(({ number, key }) => [number, key])).toEqual([
    [1, 'kept'],
    [1, 'destroyed'],
    [2, 'kept'],
  ]);
  expect(world.keystore.held()).not.toContain(old.keyId);
  const list = await world.store.findList(old.id);
  const crl = parseCrl(list?.der ?? new Uint8Array(0));
  expect([...revokedSerials(crl)].sort()).toEqual([...listed].sort());
  const { notAfter } = generationCertificate(old);
  expect(crl.nextUpdate.getTime()).toBeGreaterThan(notAfter.getTime());
}

test('the last CRL lists all that is revoked, outlives all, and the key is gone', async () => {
  const { generation, warnings } = await destroy();
  expect(generation).toMatchObject({ key: 'destroyed', state: 'retired' });
  expect(warnings[0]).toMatch(/^CRL \d+ is its last, and holds until 20/);
  await expectDestroyed();
  // Upkeep leaves it as it is, for good.
  const { published } = await world.store.findListState(old.id);
  world.clock.set(new Date(world.clock.now().getTime() + 1_000 * HOUR));
  const now = (await world.store.listGenerations(fleet.id)).find(({ id }) => id === old.id) as Generation;
  expect(await makeListIfDue(world.ca, world.act(), now, TERMS)).toBeNull();
  // It began before the key was given up: the ledger refuses what it makes, and the key is not there.
  expect(await refusalOfPromise(makeListIfDue(world.ca, world.act(), old, TERMS))).toMatchObject({
    code: 'signer-unavailable',
  });
  expect((await world.store.findListState(old.id)).published).toEqual(published);
  // The same again says the same.
  expect((await destroy()).warnings).toEqual(warnings);
});

test('it has to be confirmed, retired, and within reach', async () => {
  const other = { ...wishFor(old), fingerprint: '00'.repeat(32) };
  const active = (await world.store.listGenerations(fleet.id)).at(-1) as Generation;
  for (const wish of [other, wishFor(active)])
    expect(await refusalOfPromise(destroyKey(world.ca, world.act(), fleet, wish))).toMatchObject({
      code: 'rotation-refused',
    });
  await world.keystore.destroy(old.keyId);
  expect(await refusalOfPromise(destroy())).toMatchObject({ code: 'signer-unavailable' });
  // Nothing was recorded: it can be put back, and rolled back.
  const all = await world.store.listGenerations(fleet.id);
  expect(all.map(({ key }) => key)).toEqual(['kept', 'kept', 'kept']);
});

describe('a crash after any step leaves what the same again ends', () => {
  class Crash extends Error {}
  const WRITES = ['giveUpKey', 'recordListIntent', 'recordListIssued', 'recordDestroyed'] as const;

  /** Everything works once more, and then nothing. */
  function crashingAfter(step: (typeof WRITES)[number] | 'destroy'): CaContext {
    const crash = (object: object, name: string) =>
      new Proxy(object, {
        get: (target, key) => {
          const value = Reflect.get(target, key);
          if (key !== name) return value;
          return async (...args: unknown[]) => {
            await value.apply(target, args);
            throw new Crash();
          };
        },
      });
    const store = crash(world.store, step) as MemoryCa['store'];
    return {
      ...world.ca,
      rotation: store,
      revocations: store,
      keystore: crash(world.keystore, step) as MemoryCa['keystore'],
    };
  }

  test.each([...WRITES, 'destroy'] as const)('%s', async (step) => {
    await expect(destroy(crashingAfter(step))).rejects.toBeInstanceOf(Crash);
    const [, first] = await world.store.listGenerations(fleet.id);
    expect(first?.key).toBe(step === 'recordDestroyed' ? 'destroyed' : 'given-up');
    // What is revoked now comes into the last CRL where that is not signed yet, and hinders nothing after it.
    await world.store.markRevoked(world.act(), ended.fingerprint, 'superseded');
    await destroy();
    const isListed = step === 'giveUpKey' || step === 'recordListIntent';
    await expectDestroyed(isListed ? [serial, hex(ended.serial)] : [serial]);
  });
});
