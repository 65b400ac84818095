import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fleet, Generation, Signer } from '../../src/ca/index.ts';
import { type CeremonyFiles, FILES, importCeremony, readCeremony } from '../../src/ceremony/index.ts';
import { makeThrowAwayKey } from '../../src/keystore/index.ts';
import { checkChain, encodeCertificatePem, parseCertificate } from '../../src/x509/index.ts';
import { holdCeremony, SIGNER } from '../support/hold-ceremony.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { codeOfPromise, refusalOfPromise } from '../support/refusal.ts';

const world = memoryCa();
const { ca } = world;
afterAll(() => world.close());

const hold = (
  settings: Record<string, unknown>,
  signer: Signer,
  given: Readonly<Record<string, string>> = {},
) => holdCeremony(ca, settings, signer, given);

const root = (commonName: string, more: Record<string, unknown> = {}) => ({
  ceremony: 'root',
  key: { algorithm: 'ec-p256', file: 'keys/root.pem' },
  certificate: { commonName },
  ...more,
});

const take = (fleet: Fleet, files: CeremonyFiles) =>
  importCeremony(ca, world.act(), fleet, { files, authority: null });

let fleet: Fleet;
let keys: readonly Signer[];
let first: Generation;
let second: Generation;

beforeAll(async () => {
  fleet = await world.fleet('demo');
  keys = [await makeThrowAwayKey('ec-p256'), await makeThrowAwayKey('ec-p384')];
  const [one, two] = keys as [Signer, Signer];
  first = (await take(fleet, await hold(root('Demo Root', { crl: { validDays: 90 } }), one))).generation;
  second = (await take(fleet, await hold(root('Demo Root G2'), two))).generation;
});

describe('roots of ceremonies', () => {
  it('are the active one of the fleet, and the next one, staged', () => {
    expect([first, second].map(({ number, state }) => [number, state])).toEqual([
      [1, 'active'],
      [2, 'staged'],
    ]);
    expect(first.keyId).toMatch(/^demo\.root\.[0-9a-f]{24}\.offline$/);
  });

  it('are refused under a name that a generation has, and while another is on its way', async () => {
    const third = await hold(root('Demo Root G3'), await makeThrowAwayKey('ec-p256'));
    expect(await codeOfPromise(take(fleet, third))).toBe('rotation-refused');
  });
});

describe('a cross-certificate', () => {
  const crossing = async () =>
    hold({ ceremony: 'cross', signer: SIGNER, subject: 'next.crt' }, keys[0] as Signer, {
      certificate: encodeCertificatePem(first.certificate),
      subject: encodeCertificatePem(second.certificate),
    });

  it('leads from one root to the other, is taken in once, and the ledger has it as a link', async () => {
    const files = await crossing();
    const { cross } = readCeremony(files);
    if (!cross) throw new Error('a cross-certificate is due');
    expect(checkChain([cross, parseCertificate(first.certificate)], 'clientAuth', ca.clock.now())).toEqual(
      [],
    );
    const { generation } = await take(fleet, files);
    expect(generation.id).toBe(second.id);
    expect(generation.links.map(({ issuerId, certificate }) => [issuerId, certificate])).toEqual([
      [first.id, expect.anything()],
    ]);
    expect((await take(fleet, files)).generation.links).toHaveLength(1);
  });

  it('is refused of another fleet, and where a file was changed', async () => {
    const files = await crossing();
    const other = await world.fleet('other');
    expect(await codeOfPromise(take(other, files))).toBe('bad-ceremony');
    const changed = new Map(files).set(FILES.cross, Buffer.from(encodeCertificatePem(first.certificate)));
    const refusal = await refusalOfPromise(take(fleet, changed));
    expect([refusal?.code, refusal?.message]).toEqual([
      'bad-ceremony',
      'cross.crt is not the file of the transcript.',
    ]);
  });
});

describe('a transcript', () => {
  it('is refused where it was signed by another key, or a file is missing or more than it says', async () => {
    const files = await hold(root('Lonely Root'), await makeThrowAwayKey('ec-p256'));
    const other = await hold(root('Lonely Root'), await makeThrowAwayKey('ec-p256'));
    const swapped = new Map(files).set(FILES.signature, other.get(FILES.signature) ?? Buffer.alloc(0));
    const without = new Map(files);
    without.delete(FILES.signature);
    const more = new Map(files).set('notes.txt', Buffer.from('x'));
    for (const [broken, says] of [
      [swapped, "The transcript's signature is not by the CA of the ceremony."],
      [without, 'The file transcript.p7s is missing.'],
      [more, 'The transcript knows of no file notes.txt.'],
    ] as const) {
      expect(() => readCeremony(broken)).toThrow(says);
    }
  });
});
