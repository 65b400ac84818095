/**
 * Bytes and structure: a strict DER reader, a DER writer, object identifiers, PEM and time.
 * It knows nothing of certificates, and never repairs what it reads: BER, padding and trailing octets
 * are refused at the octet where they stand. Whoever reads a structure that its standard leaves in BER
 * says so (`derFromBer`).
 */
export * from './ber.ts';
export * from './oid.ts';
export * from './pem.ts';
export * from './reader.ts';
export * from './time.ts';
export * from './writer.ts';
