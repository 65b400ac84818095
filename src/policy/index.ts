/**
 * What may be issued and exactly what it says: targets, profiles, rules for keys, names and requested
 * extensions, the plan of a certificate and its lints.
 * Pure decisions over data: it signs nothing, stores nothing, and is given time and serials.
 */
export * from './authority-request.ts';
export * from './crl.ts';
export * from './device-id.ts';
export * from './key-rules.ts';
export * from './leaf.ts';
export * from './lint.ts';
export * from './plan.ts';
export * from './possession.ts';
export * from './profile.ts';
export * from './registration.ts';
export * from './rehearsal.ts';
export * from './requested-extensions.ts';
export * from './root-warnings.ts';
export * from './signable.ts';
export * from './subject.ts';
export * from './targets.ts';
