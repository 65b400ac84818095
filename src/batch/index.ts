/**
 * A lot of requests through the authority, with one outcome a row: takes rows as they come, keeps
 * their outcomes, and hands the answer out from the store. It never holds a lot in memory, and never
 * makes the upload wait for the reader.
 */
export * from './lines.ts';
export * from './ports.ts';
export * from './progress.ts';
export * from './run.ts';
export * from './tail.ts';
