/**
 * The steps of the cycle that need nothing but processor time (decide, prepare, sign), on all cores:
 * worker threads that are handed packed octets and hand packed octets back.
 * What is to be signed stays in the worker that made it and is signed only when the authority asks,
 * which is after its intent is on record. It decides nothing that the core rooms do not decide.
 */
export { makeDeviceKey } from './device-key.ts';
export * from './pool.ts';
