/**
 * The other side of the handshake: a reference device gateway, and the configuration of real ones. It tells
 * what a gateway would do with a device and why. It never issues, reads no key but its own server's, and
 * keeps nothing of what devices send.
 */
export * from './certify.ts';
export * from './config-wish.ts';
export * from './device-id.ts';
export * from './gateway.ts';
export * from './gateway-config.ts';
export * from './keep-trust.ts';
export * from './refusals.ts';
export * from './roll.ts';
export * from './routes.ts';
export * from './server-identity.ts';
export * from './simulate.ts';
export * from './simulated-device.ts';
export * from './status-site.ts';
export * from './trust.ts';
export * from './trust-files.ts';
export * from './trust-warnings.ts';
