/**
 * Names, keys, requests and certificates: parse, encode, assemble, verify. The only door to the X.509
 * libraries, which read back what we encode and never encode what we sign.
 * It decides nothing about what may be issued, and touches no disk, clock or chance.
 */
export * from './algorithms.ts';
export * from './certificate.ts';
export * from './certificate-list.ts';
export * from './crl.ts';
export * from './csr.ts';
export * from './enveloped-data.ts';
export * from './extensions.ts';
export * from './foreign-certificate.ts';
export * from './foreign-crl.ts';
export * from './leaf-template.ts';
export * from './name.ts';
export * from './parse-pkcs12.ts';
export * from './pkcs12.ts';
export * from './private-key.ts';
export * from './public-key.ts';
export * from './read-back.ts';
export * from './recipient.ts';
export * from './sha256.ts';
export * from './signature.ts';
export * from './signed-data.ts';
export * from './verify.ts';
