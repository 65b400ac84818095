import { defineConfig } from 'vitest/config';

const slow = ['test/flows/**', 'test/interop/**', 'test/crash/**', 'test/bench/**'];

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './test/summary-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: slow,
          pool: 'threads',
          isolate: false,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'whole',
          include: ['test/{flows,interop,crash}/**/*.test.ts'],
          globalSetup: ['test/support/built.ts'],
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
