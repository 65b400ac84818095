import { defineConfig } from 'vitest/config';
import { isLeftOut } from './test/support/counterpart.ts';

/** Of the unit tests those that derive many keys from passphrases, seconds each: they run with the whole. */
const costly = ['test/keystore/{file-keystore,umask}.test.ts', 'test/x509/pkcs12.test.ts'];

/** They need dist/, which the process of a token's module is loaded from. */
const built = ['test/keystore/token-keystore.test.ts'];

const slow = ['test/flows/**', 'test/interop/**', 'test/crash/**', 'test/bench/**', ...costly, ...built];

/**
 * What runs on PostgreSQL again: the promises that the engine's own statements, locks and commits keep.
 * One certificate for equal requests at one time, lots and their resumption, envelopes until they are
 * acknowledged, quotas, keys in flight, searches; and what a kill, a stop, a second service or a clock
 * that is set back leaves behind. The edge, the formats and the pool see no engine, and run once. What
 * only a server can suffer is in test/flows/postgres-*.test.ts and test/crash/postgres-*.test.ts.
 */
const onPostgres = [
  'test/flows/{requests,batches,batch-resume,made-keys,stations,key-hygiene,inventory,registration,backup,migration}.test.ts',
  'test/crash/{kill,one-service,drain,clock}.test.ts',
];

/** Gateways know the real clock alone: what they are asked about is made around it. */
const now = ['test/interop/gateways-judge-the-catalogue.test.ts'];

const whole = {
  globalSetup: ['test/support/built.ts', 'test/support/leftovers.ts'],
  pool: 'forks' as const,
  // A process for each lane, not for each file: what a file imports takes two seconds to read, and the
  // server that the project postgres works on takes as long to start. Files share no state but that server.
  isolate: false,
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

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
          include: ['test/{flows,interop,crash}/**/*.test.ts', ...costly, ...built],
          exclude: now,
          ...whole,
        },
      },
      { test: { name: 'now', include: now, env: { FLEETCA_TEST_NOW: new Date().toISOString() }, ...whole } },
      {
        test: {
          name: 'postgres',
          include: isLeftOut('postgres') ? [] : onPostgres,
          env: { FLEETCA_TEST_ENGINE: 'postgres' },
          ...whole,
        },
      },
    ],
  },
});
