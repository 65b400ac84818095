/**
 * What relying parties are told: the fleet root, the trust bundle and the CRLs. Public by nature; it never
 * reads keys, and never publishes a device's certificate.
 */
export * from './crls.ts';
export * from './publication.ts';
