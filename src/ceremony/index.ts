/**
 * What is done with the key of a root that is away from the service: a file that says what, the performance with a
 * throw-away key and then with the real one, the signed transcript of it, and the taking in of what came out.
 * It opens no key, file or terminal itself, and believes nothing that a ceremony left behind until it has verified it.
 */
export * from './ceremony-file.ts';
export * from './import-ceremony.ts';
export * from './inputs.ts';
export * from './perform.ts';
export * from './read-ceremony.ts';
export * from './stand-in.ts';
export * from './transcript.ts';
