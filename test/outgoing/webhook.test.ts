import { generateKeyPairSync } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { createSeal } from '../../src/outgoing/index.ts';
import { makeWebhookSecret, signWebhook } from '../../src/outgoing/webhook.ts';
import { systemRandom } from '../../src/random.ts';

const BODY = '{"type":"batch.done","data":{"name":"Ä"}}';

test('a signature is what the library of the scheme makes, and verifies', () => {
  const secret = makeWebhookSecret(systemRandom);
  const now = new Date();
  const signature = signWebhook(secret, 'msg_1', now, BODY);
  const library = new Webhook(secret);
  expect(signature).toBe(library.sign('msg_1', now, BODY));
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': signature,
  };
  expect(library.verify(BODY, headers)).toEqual(JSON.parse(BODY));
  expect(() => library.verify(BODY.replace('Ä', 'A'), headers)).toThrow();
  expect(() => library.verify(BODY, { ...headers, 'webhook-id': 'msg_2' })).toThrow();
  expect(() => new Webhook(makeWebhookSecret(systemRandom)).verify(BODY, headers)).toThrow();
});

const sealWith = () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  return createSeal(async () => privateKey, systemRandom);
};

test('a sealed secret opens for its own destination alone, with its own key alone, as it was', async () => {
  const [seal, other] = [sealWith(), sealWith()];
  const sealed = await seal.seal('whsec_x', 'a');
  expect(Buffer.from(sealed).toString('latin1')).not.toContain('whsec');
  expect(await seal.open(sealed, 'a')).toBe('whsec_x');
  expect(Buffer.compare(sealed, await seal.seal('whsec_x', 'a'))).not.toBe(0);
  const flipped = Uint8Array.from(sealed, (octet, i) => (i === sealed.length - 1 ? octet ^ 1 : octet));
  for (const trying of [seal.open(sealed, 'b'), other.open(sealed, 'a'), seal.open(flipped, 'a')])
    await expect(trying).rejects.toMatchObject({ code: 'signer-unavailable' });
});
