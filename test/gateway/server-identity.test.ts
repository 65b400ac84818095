import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import { makeServerIdentity, makeServerRootPem } from '../../src/gateway/index.ts';
import { findExtension, parseCertificates, readExtendedKeyUsage } from '../../src/x509/index.ts';
import { seededRandom } from '../support/fixed.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const signer = {
  algorithm: 'ecdsa-with-SHA256',
  publicKey,
  portable: null,
  sign: async (tbs: Uint8Array) => sign('sha256', tbs, privateKey),
} as const;
const random = seededRandom('server identity');
const now = new Date('2026-06-01T12:00:00Z');

it('section 5, gateway server root: its extendedKeyUsage is critical, serverAuth, and its server is under it', async () => {
  const rootPem = await makeServerRootPem(signer, 'gateway root', random, now);
  const [root] = parseCertificates(rootPem);
  const usage = root && findExtension(root, OID.extendedKeyUsage);
  expect(usage?.critical).toBe(true);
  expect(usage && readExtendedKeyUsage(usage)).toEqual([OID.serverAuth]);
  const identity = await makeServerIdentity({ signer, rootPem, names: ['localhost'], days: 9, random, now });
  const server = new X509Certificate(identity.certificate);
  expect(server.checkIssued(new X509Certificate(rootPem))).toBe(true);
  expect(server.verify(new X509Certificate(rootPem).publicKey)).toBe(true);
  expect(server.checkHost('localhost')).toBe('localhost');
});
