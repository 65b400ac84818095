/**
 * What a monitor reads: ends of authorities and of CRLs, rotations that are due, certificates that end soon, what
 * has not arrived at others, and what the process does, in the text format of Prometheus.
 * It reads the ledger seldom, however often it is asked, and tells nothing that is secret or of a single device.
 */
export * from './count-outcomes.ts';
export * from './metrics.ts';
