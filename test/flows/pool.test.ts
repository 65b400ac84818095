import { afterAll, describe, expect, it } from 'vitest';
import {
  createInlineSteps,
  type IssueContext,
  type Keystore,
  type PreparedChunk,
  type RequestInput,
  type Signer,
} from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';
import { checkChain, parseCertificate } from '../../src/x509/index.ts';
import { makeCsr, makeKey } from '../support/csr.ts';
import { contextOf, memoryCa } from '../support/memory-ca.ts';

// Workers load from dist/, and nowhere else.
const url = new URL('../../dist/pool/index.js', import.meta.url).href;
const { openPool } = (await import(url)) as typeof import('../../src/pool/index.ts');

const world = memoryCa();
const fleet = await world.fleet('demo');
const root = await world.root(fleet);
const context: IssueContext = contextOf(fleet, root);
const at = world.clock.now();

/** The world's keystore, with signers changed. */
const keystoreOf = (change: (signer: Signer) => Partial<Signer>): Keystore => ({
  ...world.keystore,
  open: async (keyId) => {
    const signer = await world.keystore.open(keyId);
    return { ...signer, ...change(signer) };
  },
});
const poolOf = (keystore: Keystore = world.keystore, size = 2) =>
  openPool({ keystore, random: world.ca.random, profiles: [], size });

const pool = poolOf();
afterAll(async () => {
  await pool.close();
  await world.close();
});

const line = (row: object): RequestInput => ({ form: 'line', octets: Buffer.from(JSON.stringify(row)) });
const csrOf = (deviceId: string, kind?: Parameters<typeof makeKey>[0]): string =>
  Buffer.from(makeCsr({ deviceId, key: makeKey(kind) })).toString('base64');

const requests: readonly RequestInput[] = [
  line({ csr: csrOf('d-1'), labels: { shift: 'late' } }),
  line({ csr: csrOf('Gerät-ß') }),
  { form: 'refused', refusal: new PkiError('too-large', 'It was skipped.') },
  line({ csr: csrOf('d-3', 'rsa-2048'), notAfter: '2026-08-01T00:00:00Z' }),
  line({ csr: 'AAAA', deviceId: 'd-4' }),
  { form: 'line', octets: Buffer.from('{') },
  {
    form: 'request',
    octets: makeCsr({ deviceId: 'd-5', key: makeKey('ed25519') }),
    fields: '{"deviceId":"d-5"}',
  },
  { form: 'request', octets: Buffer.from('x'), fields: '{"supersede":{"reason":"no right"}}' },
];

/** What is the same wherever the steps ran: all but serial, TBS and wording. */
const factsOf = ({ rows }: PreparedChunk) =>
  rows.map((row) => {
    if ('refusal' in row) return { code: row.refusal.code, deviceId: row.deviceId };
    const { serial: _serial, tbsDigest: _tbs, keyDigest, profileDigest, ...rest } = row.intent;
    const digests = [keyDigest, profileDigest].map((octets) => Buffer.from(octets).toString('hex'));
    return { ...rest, digests, warnings: row.warnings };
  });

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (failure: unknown) => (failure instanceof Error && 'code' in failure ? failure.code : failure),
  );

describe('the pool', () => {
  it('prepares what the steps in one thread prepare, each row in its place', async () => {
    const inline = await createInlineSteps(world.ca).prepare({ context, requests, at });
    const pooled = await pool.prepare({ context, requests, at });
    expect(factsOf(pooled)).toEqual(factsOf(inline));
    pooled.release();
  });

  it('signs the rows that it is asked for, once each, and their chains hold', async () => {
    const chunk = await pool.prepare({ context, requests, at });
    const signed = await chunk.sign([0, 3]);
    for (const [i, index] of [0, 3].entries()) {
      const row = chunk.rows[index];
      if (!row || 'refusal' in row) throw new Error('the row was refused');
      const certificate = parseCertificate(signed[i]?.der ?? new Uint8Array());
      expect(Buffer.compare(certificate.serial, row.intent.serial)).toBe(0);
      expect(checkChain([certificate, parseCertificate(root.certificate)], 'clientAuth', at)).toEqual([]);
    }
    await expect(chunk.sign([0])).rejects.toThrow('twice');
    chunk.release();
    await expect(chunk.sign([1])).rejects.toThrow('no chunk');
  });

  it('leaves a key that may not be copied where it is, and verifies what it signed', async () => {
    let signatures = 0;
    const own = poolOf(
      keystoreOf((signer) => ({
        portable: null,
        sign: (tbs) => {
          signatures++;
          return signer.sign(tbs);
        },
      })),
    );
    const chunk = await own.prepare({ context, requests, at });
    const [first] = await chunk.sign([1]);
    expect(signatures).toBe(1);
    const certificate = parseCertificate(first?.der ?? new Uint8Array());
    expect(checkChain([certificate, parseCertificate(root.certificate)], 'clientAuth', at)).toEqual([]);
    await own.close();
  });

  it('lets no signature out that does not verify', async () => {
    const other = await memoryCaSignature();
    const own = poolOf(keystoreOf(() => ({ portable: null, sign: async () => other })));
    const chunk = await own.prepare({ context, requests, at });
    expect(await codeOf(chunk.sign([0]))).toBe('signer-unavailable');
    await own.close();
  });

  it('refuses a key that is not there before anything is prepared', async () => {
    const gone = { ...context, issuer: { ...context.issuer, keyId: 'gone' } };
    expect(await codeOf(pool.prepare({ context: gone, requests, at }))).toBe('signer-unavailable');
  });

  it('takes a single request before the chunks of a lot that wait', async () => {
    const one = poolOf(world.keystore, 1);
    const row = line({ csr: csrOf('d-lot') });
    const order: string[] = [];
    const lots = Array.from({ length: 6 }, async (_, i) => {
      await one.prepare({ context, requests: Array.from({ length: 200 }, () => row), at });
      order.push(`lot ${i}`);
    });
    const single = one.prepare({ context, requests: [row], at }).then(() => order.push('single'));
    await Promise.all([...lots, single]);
    expect(order.indexOf('single')).toBeLessThan(4);
    await one.close();
  });

  it('fails what is under way when its workers end', async () => {
    const own = poolOf();
    const waiting = codeOf(own.prepare({ context, requests, at }));
    await own.close();
    expect(await waiting).toBe('signer-unavailable');
  });
});

/** A signature of another key over something else. */
async function memoryCaSignature(): Promise<Uint8Array> {
  const other = memoryCa();
  const elsewhere = await other.fleet('elsewhere');
  const signer = await other.keystore.open((await other.root(elsewhere)).keyId);
  const signature = await signer.sign(Buffer.from('something else'));
  await other.close();
  return signature;
}
