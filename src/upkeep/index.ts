/**
 * What the service does by itself, because time passes: CRLs are made anew, registration CAs get a successor, and
 * rotations fall due. It asks the authority and says in the log what came of it; it never decides what is due, which
 * the ledger tells, and answers nobody.
 */
export * from './keep-lists-current.ts';
export * from './keep-registration-cas.ts';
export * from './watch-rotations.ts';
