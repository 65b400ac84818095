/**
 * Credential layouts: the files that a device is handed, with their names, octets, modes and order.
 * It is given certificates and settings and never fetches, stores or signs anything.
 */
export * from './build-credentials.ts';
export * from './check-bundle.ts';
export * from './credentials-archive.ts';
export * from './credentials-entries.ts';
export * from './device-folder.ts';
export * from './folder.ts';
export * from './gateway-of-credentials.ts';
export * from './inspect-credentials.ts';
export * from './layout.ts';
export { EMPTY_PIN, HSM_FRAGMENT } from './layouts/hsm.ts';
export * from './layouts.ts';
export * from './sota-toml.ts';
export * from './tar.ts';
export { encodeTreehub, type TreehubLogin } from './treehub.ts';
export * from './zip.ts';
