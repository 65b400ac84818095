/**
 * The edge: listeners, TLS, authentication, decoding, routes, problem details. It asks the rooms below
 * and writes down what they answer.
 * It decides nothing about certificates, and lets no exception and no octet of a client's through
 * unjudged: bodies have limits and schemas, text is escaped, what is unexpected becomes a bare 500.
 */
export * from './app.ts';
export * from './edge.ts';
export * from './in-flight.ts';
export * from './keep-tls-current.ts';
export * from './listener.ts';
export * from './service-ca.ts';
export { openSpool } from './spool.ts';
export * from './tls-credentials.ts';
