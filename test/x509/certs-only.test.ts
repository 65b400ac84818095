import { afterAll, describe, expect, it } from 'vitest';
import { encodeCertificatePem, encodeCertsOnly, parseCertificates } from '../../src/x509/index.ts';
import { makeKey } from '../support/csr.ts';
import { hierarchy } from '../support/hierarchy.ts';
import { manualRootConfig } from '../support/manual-root.ts';
import { opensslFolder } from '../support/openssl.ts';

const openssl = opensslFolder();
afterAll(() => openssl.remove());

const { authority, device } = hierarchy(new Date('2026-06-01T12:00:00Z'));
const root = await authority('generic', 'fleet-root', 'Flotte Süd');
const issuing = await authority('generic', 'issuing', 'line', 'ec-p384', root);
const leaf = await device(issuing, 'device-1', makeKey('ed25519'));
const chain = [leaf, issuing.certificate.der, root.certificate.der];

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** What `openssl pkcs7` finds in it. */
function readByOpenssl(p7: Uint8Array): string[] {
  openssl.write('chain.p7b', p7);
  const printed = openssl.run('pkcs7', '-inform', 'DER', '-in', 'chain.p7b', '-print_certs');
  return parseCertificates(printed).map(({ der }) => hex(der));
}

describe('certificates as certs-only PKCS#7', () => {
  it('are read by openssl: all of them, in order, to the octet', async () => {
    expect(readByOpenssl(await encodeCertsOnly(chain))).toEqual(chain.map(hex));
    expect(readByOpenssl(await encodeCertsOnly([leaf]))).toEqual([hex(leaf)]);
    expect(readByOpenssl(await encodeCertsOnly(chain.toReversed()))).toEqual(chain.toReversed().map(hex));
  });

  it('keep their octets also where others made them', async () => {
    openssl.write('manual.cnf', manualRootConfig('fleet', 'serverAuth'));
    openssl.run(
      'req',
      '-new',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'k.pem',
      '-config',
      'manual.cnf',
      '-out',
      'c.pem',
    );
    const [made] = parseCertificates(openssl.read('c.pem'));
    const der = made?.der ?? Buffer.alloc(0);
    expect(readByOpenssl(await encodeCertsOnly([leaf, der]))).toEqual([hex(leaf), hex(der)]);
    expect(encodeCertificatePem(der)).toBe(openssl.read('c.pem'));
  });

  it('are the same octets every time', async () => {
    expect(hex(await encodeCertsOnly(chain))).toBe(hex(await encodeCertsOnly(chain)));
  });
});
