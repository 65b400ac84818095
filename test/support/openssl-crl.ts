/** A CRL as OpenSSL makes it, for any issuer. */
import { X509Certificate } from 'node:crypto';
import type { Made } from './gateway-shop.ts';
import { opensslFolder } from './openssl.ts';

const DAY_MS = 86_400_000;

const utc = (days: number): string =>
  `${new Date(Date.now() + days * DAY_MS).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;

const CONFIG = `[ca]
default_ca = own
[own]
database = index.txt
default_md = sha256
crlnumber = number
crl_extensions = ext
[ext]
authorityKeyIdentifier = keyid
`;

/** PEM; valid from yesterday for a week unless days are given. */
export function makeCrl(
  issuer: Made,
  revoked: readonly Made[],
  { fromDays = -1, toDays = 7 }: { readonly fromDays?: number; readonly toDays?: number } = {},
): string {
  const openssl = opensslFolder();
  try {
    openssl.write('ca.pem', issuer.pem);
    openssl.write('ca.key', issuer.key.pkcs8Pem);
    openssl.write('own.cnf', CONFIG);
    openssl.write('number', '01\n');
    const rows = revoked.map((one) => {
      const { serialNumber } = new X509Certificate(one.der);
      return `R\t${utc(365).slice(2)}\t${utc(-1).slice(2)}\t${serialNumber}\tunknown\t/CN=x\n`;
    });
    openssl.write('index.txt', rows.join(''));
    const dates = ['-crl_lastupdate', utc(fromDays), '-crl_nextupdate', utc(toDays)];
    const key = ['-cert', 'ca.pem', '-keyfile', 'ca.key'];
    openssl.run('ca', '-batch', '-config', 'own.cnf', '-gencrl', ...key, ...dates, '-out', 'crl.pem');
    return openssl.read('crl.pem');
  } finally {
    openssl.remove();
  }
}
