import { maySignCrls } from '../policy/index.ts';
import type { Certificate } from '../x509/index.ts';
import type { Generation } from './ledger-records.ts';

/** Where the CRL of an issuer is on the public pages; null where it has none. */
export const crlPathOf = (
  fleet: string,
  { authority, number }: Pick<Generation, 'authority' | 'number'>,
  certificate: Certificate,
): string | null => (maySignCrls(certificate) ? `/pki/${fleet}/crl/${authority}/${number}.crl` : null);
