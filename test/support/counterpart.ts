/**
 * True where a counterpart (a program that tests run, in COUNTERPARTS of scripts/test.mjs) is left out by
 * FLEETCA_TEST_SKIP. Where it is not, and is not installed either, the test fails: it must not pass in silence.
 */
export const isLeftOut = (program: string): boolean =>
  (process.env.FLEETCA_TEST_SKIP ?? '').split(',').includes(program);
