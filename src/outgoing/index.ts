/**
 * Calls to others: devices are registered at their registry, and webhooks are told what has happened.
 * What is told is read from the ledger, in the order in which it came to be there, so that nothing is lost and
 * issuing waits for nobody. It never calls a host that the operator has not allowed, and never writes down a
 * secret that it sends.
 */
export { keepDelivering } from './keep-delivering.ts';
export * from './ports.ts';
export { type Reach, urlFault } from './reach.ts';
export { createSeal, type Seal } from './seal.ts';
export { makeWebhookSecret } from './webhook.ts';
