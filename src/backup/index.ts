/**
 * The form of a backup: files, one after the other, as a tar with a manifest, encrypted in the age format. It is
 * given files to read and a folder to write into, and knows nothing of what they are; what belongs into a backup, and
 * when it may be put back, is the commands' to say.
 * It never holds a whole file in memory, and gives out nothing as whole that it has not read to its proven end.
 */
export * from './backup-error.ts';
export * from './encryption.ts';
export * from './manifest.ts';
export * from './read-backup.ts';
export * from './write-backup.ts';
