import { afterAll, describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import { createPolicy, rootWarnings, TARGETS } from '../../src/policy/index.ts';
import {
  type Certificate,
  formatName,
  parseCertificates,
  readBasicConstraints,
} from '../../src/x509/index.ts';
import { hierarchy } from '../support/hierarchy.ts';
import { manualRootConfig } from '../support/manual-root.ts';
import { opensslFolder } from '../support/openssl.ts';

const openssl = opensslFolder();
afterAll(() => openssl.remove());
const { authority } = hierarchy(new Date('2026-06-01T12:00:00Z'));

/** What `openssl req -x509` makes with the manual's configuration. */
function byOpenssl(purpose: 'serverAuth' | 'clientAuth'): Certificate {
  openssl.write('manual.cnf', manualRootConfig('demo', purpose));
  openssl.run('ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', 'ca.key');
  openssl.run(
    'req',
    '-new',
    '-x509',
    '-days',
    '3650',
    '-config',
    'manual.cnf',
    '-key',
    'ca.key',
    '-out',
    'ca.pem',
  );
  const [certificate] = parseCertificates(openssl.read('ca.pem'));
  return certificate as Certificate;
}

// OpenSSL from 3.2 on adds key identifiers by itself; the manuals' version does not.
const IDENTIFIERS: readonly string[] = [OID.subjectKeyIdentifier, OID.authorityKeyIdentifier];
const shape = ({ extensions }: Certificate) =>
  extensions.map(({ oid, critical, value }) => [oid, critical, Buffer.from(value).toString('hex')]);

describe("the manuals' roots", () => {
  for (const [target, profile, purpose] of [
    ['ota-connect', 'ota-connect-manual-root', 'serverAuth'],
    ['ota-ce', 'ota-ce-manual-root', 'clientAuth'],
  ] as const) {
    it(`section 5, manual roots: of ${target} come out with the extensions that openssl gives them, to the octet and in order`, async () => {
      const { certificate: ours } = await authority(target, profile, 'demo');
      const theirs = byOpenssl(purpose);
      expect(shape(ours)).toEqual(shape(theirs).filter(([oid]) => !IDENTIFIERS.includes(String(oid))));
      expect(ours.algorithm).toBe(theirs.algorithm);
      expect(formatName(ours.subject)).toBe(formatName(theirs.subject));
      expect(ours.subject.der).toEqual(theirs.subject.der);
    });
  }

  it('come with the warning about the purpose where it is serverAuth alone', async () => {
    const warned = async (target: string, profile: string) =>
      rootWarnings((await authority(target, profile, 'demo')).certificate, target).some((warning) =>
        warning.includes('lacks clientAuth'),
      );
    expect(await warned('ota-connect', 'ota-connect-manual-root')).toBe(true);
    expect(await warned('ota-ce', 'ota-ce-manual-root')).toBe(false);
    expect(await warned('ota-connect', 'fleet-root')).toBe(false);
  });
});

describe('a default root', () => {
  for (const target of TARGETS) {
    it(`of ${target} is worth no warning at its own target`, async () => {
      expect(rootWarnings((await authority(target, 'fleet-root', 'demo')).certificate, target)).toEqual([]);
    });
  }
});

describe('an authority of a target', () => {
  it('has a key of Ed25519 where the server is known to take it', () => {
    const policy = createPolicy();
    expect(policy.target('ota-connect').authorityKeys).not.toContain('ed25519');
    for (const target of ['ota-ce', 'generic'])
      expect(policy.target(target).authorityKeys).toContain('ed25519');
  });

  it('that issues has path length 0', async () => {
    for (const target of TARGETS) {
      const parent = await authority(target, 'fleet-root', 'demo');
      const { certificate } = await authority(target, 'issuing', 'demo line', 'ec-p256', parent);
      const [constraints] = certificate.extensions;
      expect(constraints && readBasicConstraints(constraints)).toEqual({ ca: true, pathLength: 0 });
    }
  });
});
