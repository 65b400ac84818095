import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { elementBytes, readElement } from '../../src/asn1/index.ts';
import type { Signer } from '../../src/ca/index.ts';
import { makeServiceCa, makeTlsCredentials, type ServiceIntent } from '../../src/http/index.ts';
import { systemRandom } from '../../src/random.ts';
import { parseCertificates } from '../../src/x509/index.ts';
import { memoryKeystore } from '../support/memory-keystore.ts';

const NOW = new Date('2026-05-04T10:00:00Z');

/** A key that tells when it signs, and a record that tells when it is written; what is told in `steps`. */
async function watched() {
  const steps: (ServiceIntent | 'signed')[] = [];
  const key = await memoryKeystore().generate('service-ca', 'ec-p256');
  const signer: Signer = {
    ...key,
    sign: (tbs) => {
      steps.push('signed');
      return key.sign(tbs);
    },
  };
  const record = async (intent: ServiceIntent): Promise<void> => {
    steps.push(intent);
  };
  return { steps, signer, record };
}

const tbsDigestOf = (der: Uint8Array): string => {
  const { contentStart, end } = readElement(der);
  const tbs = elementBytes(readElement(der, contentStart, end));
  return createHash('sha256').update(tbs).digest('hex');
};

test('the CA and its server certificate are each on record, as they will be, before they are signed', async () => {
  const { steps, signer, record } = await watched();
  const ca = await makeServiceCa(signer, systemRandom, NOW, record);
  const credentials = await makeTlsCredentials(ca, ['localhost'], systemRandom, NOW, record);
  const [leaf] = parseCertificates(credentials.certificate);
  const intended = [ca.certificate, leaf!].map(({ der, serial, notAfter }) => ({
    serial: Buffer.from(serial).toString('hex'),
    tbsDigest: tbsDigestOf(der),
    notAfter,
  }));
  expect(steps).toEqual([intended[0], 'signed', intended[1], 'signed']);
});

test('what cannot be recorded is not signed', async () => {
  const { steps, signer, record } = await watched();
  const failing = () => Promise.reject(new Error('the disk is full'));
  await expect(makeServiceCa(signer, systemRandom, NOW, failing)).rejects.toThrow('the disk is full');
  expect(steps).toEqual([]);
  const ca = await makeServiceCa(signer, systemRandom, NOW, record);
  const attempt = makeTlsCredentials(ca, ['localhost'], systemRandom, NOW, failing);
  await expect(attempt).rejects.toThrow('the disk is full');
  expect(steps).toHaveLength(2);
});
