/** Keys of authorities in SoftHSM's tokens: in the process, and behind a server that goes away and comes back. */
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import type { Keystore, Signer } from '../../src/ca/index.ts';
import type { TokenLink } from '../../src/keystore/index.ts';
import { systemRandom } from '../../src/random.ts';
import { importPublicKey, isSignatureValid, parsePublicKey } from '../../src/x509/index.ts';
import { isLeftOut } from '../support/counterpart.ts';
import {
  makeSoftToken,
  P11_KIT_CLIENT,
  SERVER_TOOLS,
  SOFTHSM,
  type SoftToken,
  serveToken,
  TOKEN_LABEL,
  TOKEN_PIN,
  TOKEN_TOOLS,
} from '../support/soft-token.ts';
import { keystoreContract } from './contract.ts';
import { scratchFolder } from './scratch.ts';

// The module's process is loaded from dist/, and nowhere else.
const url = new URL('../../dist/keystore/index.js', import.meta.url).href;
const { openTokenKeystore, openTokenLink } = (await import(
  url
)) as typeof import('../../src/keystore/index.ts');

interface Opened {
  readonly keystore: Keystore;
  readonly link: TokenLink;
  /** What the link has told: null where the token answers. */
  readonly told: (string | null)[];
}

const links: TokenLink[] = [];
afterAll(() => {
  for (const link of links) link.close();
});

interface Wish {
  readonly module?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly pin?: string;
  readonly sessions?: number;
}

function open(token: SoftToken, wish: Wish = {}): Opened {
  const { module = SOFTHSM, env = token.env, pin = TOKEN_PIN, sessions = 4 } = wish;
  const told: (string | null)[] = [];
  const link = openTokenLink({
    module,
    label: TOKEN_LABEL,
    pin: () => pin,
    sessions,
    environment: env,
    onChange: (problem) => told.push(problem),
  });
  links.push(link);
  return { keystore: openTokenKeystore(link, systemRandom), link, told };
}

const newToken = (): SoftToken => makeSoftToken(mkdtempSync(join(scratchFolder(), 't-')));

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (failure: { code?: string }) => failure.code ?? failure,
  );

function isSigned(signer: Signer, tbs: Uint8Array, signature: Uint8Array): boolean {
  const publicKey = parsePublicKey(signer.publicKey);
  return isSignatureValid(signer.algorithm, publicKey.key.kind, importPublicKey(publicKey), tbs, signature);
}

/** Until it holds; the link tries again after half a second at first. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error('it did not come to hold');
}

describe.skipIf(TOKEN_TOOLS.some(isLeftOut))('keys in a token', () => {
  keystoreContract('a token', () => open(newToken()).keystore, { isToken: true });

  test('a key that is made in a token is sensitive, was never outside, and stays there', async () => {
    const token = newToken();
    const signer = await open(token).keystore.generate('demo.root.0a.token', 'ec-p256');
    expect(signer.portable).toBeNull();
    const said = token.tool('--list-objects', '--type', 'privkey');
    expect(said).toContain('label:      demo.root.0a.token');
    expect(said).toMatch(/Access:\s+sensitive, always sensitive, never extractable, local/);
    // Another process finds the same key by its id.
    const again = await open(token).keystore.open('demo.root.0a.token');
    expect(again.publicKey).toEqual(signer.publicKey);
  });

  test('2,000 signatures at a time come back right, each to who asked for it, through few sessions', async () => {
    const signer = await open(newToken(), { sessions: 3 }).keystore.generate('a.token', 'ec-p256');
    const tbs = Array.from({ length: 2000 }, (_, n) => Buffer.from(`to be signed ${n}`));
    const signatures = await Promise.all(tbs.map((octets) => signer.sign(octets)));
    expect(signatures.every((signature, n) => isSigned(signer, tbs[n] as Buffer, signature))).toBe(true);
  });

  test.each([
    ['EC:prime256v1', 'ecdsa-with-SHA256'],
    ['rsa:3072', 'sha256WithRSAEncryption'],
  ])(
    'a key (%s) that was there is found by label and by id, and adopted by its public half',
    async (type, algorithm) => {
      const token = newToken();
      token.tool('--keypairgen', '--key-type', type, '--id', 'a1b2', '--label', 'old root');
      const { keystore } = open(token);
      const held = await keystore.findHeld('old root');
      expect(held).toEqual(await keystore.findHeld('A1B2'));
      expect(held.warnings).toEqual([]);
      const digest = createHash('sha256').update(held.publicKey).digest('hex').slice(0, 24);
      const keyId = `demo.root.${digest}.adopted`;
      const signer = await keystore.open(keyId);
      expect([signer.publicKey, signer.algorithm]).toEqual([held.publicKey, algorithm]);
      // It was not ours to make, so it is not ours to destroy.
      await keystore.discard(keyId);
      expect((await keystore.open(keyId)).publicKey).toEqual(held.publicKey);
      // Unless a person has decided it: then both halves go, and nothing else does.
      token.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--id', 'b2', '--label', 'other');
      await keystore.destroy(keyId);
      expect(await codeOf(keystore.open(keyId))).toBe('signer-unavailable');
      expect(await codeOf(open(token).keystore.open(keyId))).toBe('signer-unavailable');
      expect(token.tool('--list-objects')).not.toContain('old root');
      expect(token.tool('--list-objects').match(/label: +other/g)).toHaveLength(2);
    },
  );

  test('a key that can leave the token, or came into it, is adopted with a warning', async () => {
    const token = newToken();
    token.tool(
      '--keypairgen',
      '--key-type',
      'EC:prime256v1',
      '--id',
      '01',
      '--label',
      'loose',
      '--extractable',
    );
    const { warnings } = await open(token).keystore.findHeld('loose');
    expect(warnings).toEqual(['The token may give this key away: it is extractable.']);
  });

  test('two keys under one label are refused until one is named by its id', async () => {
    const token = newToken();
    for (const id of ['01', '02'])
      token.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--id', id, '--label', 'twin');
    const { keystore } = open(token);
    expect(await codeOf(keystore.findHeld('twin'))).toBe('bad-request');
    expect((await keystore.findHeld('02')).warnings).toEqual([]);
  });

  test('a wrong PIN is tried once, is in no message, and never again', async () => {
    const token = newToken();
    const wrong = 'wrong-pin-canary';
    const { keystore, link, told } = open(token, { pin: wrong });
    expect(await codeOf(keystore.open('a.token'))).toBe('signer-unavailable');
    const before = told.length;
    await sleep(1500);
    expect(await codeOf(keystore.open('a.token'))).toBe('signer-unavailable');
    expect(told).toHaveLength(before);
    expect(told.join()).toContain('CKR_PIN_INCORRECT');
    expect(JSON.stringify([told, link.problem()])).not.toContain(wrong);
  });
});

describe.skipIf([...TOKEN_TOOLS, ...SERVER_TOOLS].some(isLeftOut))('a token that goes away', () => {
  test('everything is refused while it is gone, and the same key signs when it is back', async () => {
    const token = newToken();
    const server = serveToken(token);
    await server.start();
    const { keystore, link, told } = open(token, { module: P11_KIT_CLIENT, env: server.env });
    const signer = await keystore.generate('demo.root.0b.token', 'ec-p256');
    const tbs = Buffer.from('before and after');
    expect(isSigned(signer, tbs, await signer.sign(tbs))).toBe(true);

    const many = Array.from({ length: 500 }, () => codeOf(signer.sign(tbs)));
    await many[0];
    await server.kill();
    const ends = await Promise.all(many);
    expect(new Set(ends)).toEqual(new Set(['done', 'signer-unavailable']));
    expect(await codeOf(keystore.open('demo.root.0b.token'))).toBe('signer-unavailable');
    expect(link.problem()?.facts.retryAfterSeconds).toBeGreaterThan(0);

    await server.start();
    await until(async () => link.problem() === null);
    expect(isSigned(signer, tbs, await signer.sign(tbs))).toBe(true);
    expect((await keystore.open('demo.root.0b.token')).publicKey).toEqual(signer.publicKey);
    expect(told.at(-1)).toBeNull();
    await server.kill();
  });

  test('a link that is closed amid an attempt ends at once, and tries no more', async () => {
    const token = newToken();
    const server = serveToken(token);
    await server.start();
    const { link, told } = open(token, { module: P11_KIT_CLIENT, env: server.env });
    link.close();
    await expect(link.connection()).rejects.toMatchObject({ code: 'signer-unavailable' });
    expect(told).toEqual([]);
    await server.kill();
  });

  test('another key under the same name signs nothing', async () => {
    const token = newToken();
    const server = serveToken(token);
    await server.start();
    const { keystore, link } = open(token, { module: P11_KIT_CLIENT, env: server.env });
    const signer = await keystore.generate('demo.root.0c.token', 'ec-p256');
    await server.kill();
    const other = open(token);
    await other.keystore.discard('demo.root.0c.token');
    await other.keystore.generate('demo.root.0c.token', 'ec-p256');
    expect(await codeOf(signer.sign(Buffer.from('x')))).toBe('signer-unavailable');
    await server.start();
    await until(async () => link.problem() === null);
    await expect(signer.sign(Buffer.from('x'))).rejects.toMatchObject({
      code: 'signer-unavailable',
      facts: { reason: 'changed' },
    });
    await server.kill();
  });
});
