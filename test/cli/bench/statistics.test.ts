import { describe, expect, it } from 'vitest';
import { known, median, percentile, ratio } from '../../../src/cli/bench/statistics.ts';

describe('the median', () => {
  it('is the middle value, in whatever order they come', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it('is the mean of the middle two where their number is even', () => {
    expect(median([4, 1, 2, 100])).toBe(3);
  });

  it('of nothing is nothing', () => {
    expect(median([])).toBeNull();
  });

  it('sorts numbers as numbers', () => {
    expect(median([10, 9, 100])).toBe(10);
  });
});

describe('a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  it('is the value that so many do not exceed', () => {
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 1)).toBe(100);
  });

  it('of one value is that value, and of nothing nothing', () => {
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.5)).toBeNull();
  });
});

describe('a ratio', () => {
  it('is not known where one side is not, or where there is nothing to divide by', () => {
    expect(ratio(1, 4)).toBe(0.25);
    expect(ratio(null, 4)).toBeNull();
    expect(ratio(1, null)).toBeNull();
    expect(ratio(1, 0)).toBeNull();
  });

  it('is taken over what is known', () => {
    expect(known([1, null, 0])).toEqual([1, 0]);
  });
});
