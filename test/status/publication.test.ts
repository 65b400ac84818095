import { afterAll, describe, expect, it } from 'vitest';
import {
  type CaContext,
  createAuthority,
  type Generation,
  type GenerationState,
} from '../../src/ca/index.ts';
import { readPublication } from '../../src/status/index.ts';
import { certificateFingerprint, parseCertificates } from '../../src/x509/index.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { codeOfPromise } from '../support/refusal.ts';

const world = memoryCa();
afterAll(() => world.close());

const fleet = await world.fleet('demo');
const root = await world.root(fleet);
const line1 = await world.issuing(fleet, 'line-1');
const line2 = await world.issuing(fleet, 'line-2');

/** The ledger, its generations told otherwise. */
const withGenerations = (generations: readonly Generation[]): CaContext => ({
  ...world.ca,
  ledger: { ...world.store, listGenerations: async () => generations },
});

describe('what a fleet publishes', () => {
  it('is its root, and a bundle of the root and then every issuing authority', async () => {
    const { root: head, trusted, trustBundle, warnings } = await readPublication(world.ca, 'demo');
    expect(head).toMatchObject({ authority: 'root', generation: 1, subject: 'CN=demo', key: 'EC P-256' });
    expect(trusted.map(({ authority }) => authority)).toEqual(['root', 'line-1', 'line-2']);
    const inBundle = parseCertificates(trustBundle).map(({ der }) => Buffer.from(der).toString('hex'));
    expect(inBundle).toEqual(
      [root, line1, line2].map(({ certificate }) => Buffer.from(certificate).toString('hex')),
    );
    expect(warnings).toEqual([]);
  });

  it('has the root first even where the ledger lists it last', async () => {
    const { trusted } = await readPublication(withGenerations([line2, line1, root]), 'demo');
    expect(trusted.map(({ authority }) => authority)).toEqual(['root', 'line-2', 'line-1']);
  });

  it('is the same octets at every reading, whatever the time and whatever was issued meanwhile', async () => {
    const one = await readPublication(world.ca, 'demo');
    world.clock.set('2026-09-01T00:00:00Z');
    await world.root(await world.fleet('other'));
    expect(await readPublication(world.ca, 'demo')).toEqual(one);
  });

  it('carries for each what a person compares', async () => {
    const { trusted } = await readPublication(world.ca, 'demo');
    for (const { der, fingerprint, serial, pem, notBefore, notAfter } of trusted) {
      const [certificate] = parseCertificates(pem);
      expect(fingerprint).toBe(Buffer.from(certificateFingerprint(der)).toString('hex'));
      expect(serial).toMatch(/^[0-9a-f]{32}$/);
      expect(certificate).toMatchObject({ notBefore, notAfter });
    }
  });

  it('holds what is published, active or draining, and nothing that is staged, retired or compromised', async () => {
    const states: readonly GenerationState[] = [
      'staged',
      'published',
      'active',
      'draining',
      'retired',
      'compromised',
    ];
    const withdrawn = { withdrawn: true } as const;
    const generations = states.map((state, i) => ({
      ...line1,
      ...withdrawn,
      id: 100 + i,
      authority: state,
      state,
    }));
    const { trusted } = await readPublication(withGenerations([root, ...generations]), 'demo');
    expect(trusted.map(({ authority }) => authority)).toEqual(['root', 'published', 'active', 'draining']);
  });

  it('keeps what is compromised until it is withdrawn, the only root, too', async () => {
    const lost = { state: 'compromised', withdrawn: false } as const;
    const generations = [
      { ...root, ...lost },
      { ...line1, ...lost },
    ];
    const { root: head, trusted } = await readPublication(withGenerations(generations), 'demo');
    expect([head.authority, ...trusted.map(({ authority }) => authority)]).toEqual([
      'root',
      'root',
      'line-1',
    ]);
  });

  it('names the active root, and trusts the one that drains beside it', async () => {
    const old: Generation = { ...root, state: 'draining' };
    const next: Generation = { ...root, id: 99, number: 2 };
    const { root: head, trusted } = await readPublication(withGenerations([old, next]), 'demo');
    expect(head.generation).toBe(2);
    expect(trusted.map(({ generation }) => generation)).toEqual([1, 2]);
  });

  it('comes with the warnings of its root', async () => {
    const manual = await world.fleet('manual', 'ota-connect');
    const wish = { name: 'root', kind: 'root', keyAlgorithm: 'ec-p256', commonName: null } as const;
    await createAuthority(world.ca, world.act(), manual, { ...wish, profile: 'ota-connect-manual-root' });
    const { warnings } = await readPublication(world.ca, 'manual');
    expect(warnings.some((warning) => warning.includes('clientAuth'))).toBe(true);
  });

  it('is not found for no fleet, and alike for a fleet without a root', async () => {
    await world.fleet('bare');
    const answers = await Promise.all(
      ['nowhere', 'bare', ''].map((name) =>
        readPublication(world.ca, name).catch(({ code, message }) => [code, message]),
      ),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await codeOfPromise(readPublication(world.ca, 'bare'))).toBe('not-found');
    expect(await codeOfPromise(readPublication(withGenerations([line1]), 'demo'))).toBe('not-found');
  });
});
