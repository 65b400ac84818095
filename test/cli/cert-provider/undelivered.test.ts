import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Origin, openUndelivered, untilDelivered } from '../../../src/cli/cert-provider/undelivered.ts';
import { LocalFailure } from '../../../src/cli/local-failure.ts';
import { PkiError } from '../../../src/errors.ts';
import { scratchFolder } from '../scratch.ts';

const ORIGIN: Origin = { deviceId: 'VIN-1', madeBy: 'service', at: 'demo' };

const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it came out well',
    (failure: unknown) => failure,
  );

describe('what cannot be had twice', () => {
  it('is on disk when it is kept, the owner’s alone, and is found by the next call', async () => {
    const folder = join(scratchFolder(), 'keep');
    const first = await openUndelivered(folder, ORIGIN);
    expect([first.found, first.isKept()]).toEqual([null, false]);
    await first.keep('secret');
    expect(statSync(first.path).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toEqual(['VIN-1.json']);
    const next = await openUndelivered(folder, ORIGIN);
    expect([next.found, next.isKept()]).toEqual(['secret', true]);
  });

  it('goes when it has arrived, with its folder, unless another’s lies there', async () => {
    const folder = join(scratchFolder(), 'keep');
    const one = await openUndelivered(folder, ORIGIN);
    const other = await openUndelivered(folder, { ...ORIGIN, deviceId: 'VIN-2' });
    await other.keep('another');
    expect(await untilDelivered(one, () => one.keep('secret').then(() => 'done'))).toBe('done');
    expect(readdirSync(folder)).toEqual(['VIN-2.json']);
    await untilDelivered(other, async () => undefined);
    expect(existsSync(folder)).toBe(false);
  });

  it('is told of where it did not arrive, and is not where there is nothing', async () => {
    const folder = join(scratchFolder(), 'keep');
    const cutOff = new LocalFailure('cut-off', 'It broke off.', { hint: 'look' });
    const kept = await openUndelivered(folder, ORIGIN);
    const told = await failureOf(
      untilDelivered(kept, async () => {
        await kept.keep('secret');
        throw cutOff;
      }),
    );
    expect(told).toMatchObject({
      code: 'cut-off',
      message: 'It broke off.',
      hint: `look; the key is kept in ${kept.path}: give the command again, with --certificate-cn 'VIN-1'`,
    });
    const none = await openUndelivered(folder, { ...ORIGIN, deviceId: 'VIN-3' });
    expect(await failureOf(untilDelivered(none, () => Promise.reject(cutOff)))).toBe(cutOff);
  });

  it('is said to be of no use where the service refuses the key of before', async () => {
    const folder = join(scratchFolder(), 'keep');
    await (await openUndelivered(folder, ORIGIN)).keep('secret');
    const again = await openUndelivered(folder, ORIGIN);
    const refusal = new PkiError('device-has-other-key', 'It has another key.');
    expect(await failureOf(untilDelivered(again, () => Promise.reject(refusal)))).toMatchObject({
      code: 'device-has-other-key',
      message: expect.stringContaining('remove that'),
    });
    const busy = new PkiError('busy', 'Later.');
    expect(await failureOf(untilDelivered(again, () => Promise.reject(busy)))).toMatchObject({
      message: expect.stringContaining('give the command again'),
    });
    expect(again.isKept()).toBe(true);
  });

  it.each([
    ['another fleet', { ...ORIGIN, at: 'other', secret: 's' }],
    ['another maker', { ...ORIGIN, madeBy: 'server', secret: 's' }],
    ['another device', { ...ORIGIN, deviceId: 'vin-1', secret: 's' }],
    ['nothing', { ...ORIGIN }],
    ['no object', null],
  ])('is not taken where it is of %s', async (_, record) => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'VIN-1.json'), JSON.stringify(record));
    expect(await failureOf(openUndelivered(folder, ORIGIN))).toMatchObject({ code: 'usage' });
  });
});
