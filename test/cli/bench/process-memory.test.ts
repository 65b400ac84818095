import { describe, expect, it } from 'vitest';
import { peakOfTree } from '../../../src/cli/bench/process-memory.ts';

describe.skipIf(process.platform !== 'linux')('the peak of a process and those below it', () => {
  it('is at least what this process holds now', () => {
    expect(peakOfTree(process.pid)).toBeGreaterThan(process.memoryUsage().rss / 2 ** 20 / 2);
  });

  it('of a process that does not exist is nothing', () => {
    expect(peakOfTree(2 ** 30)).toBe(0);
  });
});
