import { describe, expect, it } from 'vitest';
import { makeLot } from '../../../src/cli/quickstart/lot.ts';
import { vehicleIds } from '../../../src/cli/quickstart/vehicle-ids.ts';
import { seededRandom } from '../../support/fixed.ts';

const { signal } = new AbortController();

describe('a demo lot', () => {
  it('has the rows that were asked for, each device and key once, a right one first', async () => {
    const lot = await makeLot({ rows: 130, random: seededRandom(), signal });
    expect(lot).toHaveLength(130);
    expect(new Set(lot.map(({ deviceId }) => deviceId)).size).toBe(130);
    expect(new Set(lot.map(({ key }) => Buffer.from(key.spki).toString('hex'))).size).toBe(130);
    expect(lot[0]?.fault).toBeNull();
    expect(lot.filter(({ fault }) => fault !== null)).toHaveLength(42);
    const kinds = new Set(lot.filter(({ fault }) => fault === null).map(({ key }) => key.kind));
    expect([...kinds].sort()).toEqual(['P-256', 'rsa-2048']);
    expect(lot.every(({ line }) => !line.includes('\n'))).toBe(true);
  });

  it('stops when it is asked to', async () => {
    const stopped = AbortSignal.abort(new Error('asked to stop'));
    await expect(makeLot({ rows: 130, random: seededRandom(), signal: stopped })).rejects.toThrow(
      'asked to stop',
    );
  });

  it('has IDs in the form of vehicle identification numbers, others in another lot', () => {
    const ids = vehicleIds(seededRandom('a'), 1000);
    for (const id of ids) expect(id).toMatch(/^[0-9A-HJ-NPR-Z]{17}$/);
    const others = vehicleIds(seededRandom('b'), 1000);
    expect(new Set([...ids, ...others]).size).toBe(2000);
  });
});
