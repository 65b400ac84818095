/**
 * Who may ask for what: tokens, roles, and the decision on a certificate request, which is a `Grant`.
 * It records nothing and signs nothing; whether a request was seen before is the ledger's decision.
 */
export * from './access.ts';
export * from './authorize.ts';
export * from './authorize-made-key.ts';
export * from './bounds.ts';
export * from './id-pattern.ts';
export * from './pasted-key.ts';
export * from './ports.ts';
export * from './request.ts';
export * from './strict-json.ts';
export * from './token.ts';
