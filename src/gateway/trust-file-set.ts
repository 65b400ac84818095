import type { ConfigFile, GatewayConfigWish } from './config-wish.ts';

/** What the gateway trusts, by one name whichever published file it is. */
export const TRUST_FILE = 'trusted.pem';
export const CRL_FILE = 'crls.pem';
export const SERVICE_CA_FILE = 'service-ca.pem';

/** The files that a gateway reads certificates and CRLs from, and what its hook knows the service by. */
export function trustFiles({ trust, published }: GatewayConfigWish): readonly ConfigFile[] {
  const crls = trust.crls.join('');
  const ca = published?.ca ?? null;
  return [
    { name: TRUST_FILE, mode: 0o644, content: trust.ca },
    ...(crls === '' ? [] : [{ name: CRL_FILE, mode: 0o644, content: crls }]),
    ...(ca === null ? [] : [{ name: SERVICE_CA_FILE, mode: 0o644, content: ca }]),
  ];
}
