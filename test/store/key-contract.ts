import { expect, test } from 'vitest';
import { type Given, newLine } from './line.ts';
import { actAt } from './sample.ts';

export function keyContract(given: Given): void {
  test('a key that a device of another fleet has is told of, when recorded and when replayed', async () => {
    const { store } = given;
    const [here, there] = [await newLine(store), await newLine(store)];
    const row = there.row('dev-1');
    const { keyDigest } = row;
    await there.issue(row);
    const own = here.row('dev-1', { keyDigest });
    const verdicts = await here.record([here.row('dev-0'), own, here.row('dev-2', { keyDigest })]);
    expect(verdicts).toMatchObject([
      { verdict: 'recorded' },
      { verdict: 'recorded', keyElsewhere: true },
      { verdict: 'refused', code: 'key-of-another-device' },
    ]);
    expect(verdicts[0]).not.toHaveProperty('keyElsewhere');
    const [, recorded] = verdicts;
    await here.complete(own, recorded?.verdict === 'recorded' ? recorded.intentId : 0);
    const again = () => here.record([here.row('dev-1', { keyDigest })]);
    expect(await again()).toMatchObject([{ verdict: 'replay', keyElsewhere: true }]);
    // It is told of in the first fleet, too, until one of them lets it go.
    expect(await there.record([there.row('dev-1', { keyDigest })])).toMatchObject([
      { verdict: 'replay', keyElsewhere: true },
    ]);
    await store.releaseKey(actAt(), there.fleet.id, keyDigest, 'scrapped');
    expect((await again())[0]).not.toHaveProperty('keyElsewhere');
  });

  test('a key of a refused row of another fleet is nobody’s there', async () => {
    const { store } = given;
    const [here, there] = [await newLine(store), await newLine(store)];
    const free = there.row('DEV-1');
    await there.record([there.row('dev-1'), free]);
    const [verdict] = await here.record([here.row('dev-1', { keyDigest: free.keyDigest })]);
    expect(verdict).not.toHaveProperty('keyElsewhere');
  });
}
