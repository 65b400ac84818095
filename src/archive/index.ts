/**
 * Zips and tars as they come from outside: directories, headers, entries and the names of those, strict and within
 * limits. It reads what it is given to read from, knows nothing of what the files are, and never writes.
 */
export * from './entry-path.ts';
export * from './gunzip-whole.ts';
export * from './random-access.ts';
export * from './tar-header.ts';
export * from './zip-directory.ts';
export * from './zip-entry.ts';
