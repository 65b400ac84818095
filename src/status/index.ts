/**
 * What relying parties are told: the fleet root and the trust bundle. Public by nature; it never
 * reads keys, and never publishes a device's certificate.
 */
export * from './publication.ts';
