import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { elementBytes, readElement } from '../../src/asn1/index.ts';
import type { Signer } from '../../src/ca/index.ts';
import {
  encodeServiceCa,
  fingerprintOf,
  isCaRenewalDue,
  makeServiceCa,
  makeTlsCredentials,
  readServiceCa,
  type ServiceIntent,
} from '../../src/http/index.ts';
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

test('the CA is renewed with its key when a third of its life is left, and clients are shown the oldest that is in force', async () => {
  const { signer, record } = await watched();
  const first = await makeServiceCa(signer, systemRandom, NOW, record);
  const years = (count: number): Date => new Date(NOW.getTime() + count * 365 * 86_400_000);
  expect([6, 7].map((count) => isCaRenewalDue(first, years(count)))).toEqual([false, true]);
  const second = await makeServiceCa(signer, systemRandom, years(7), record, [first.certificate]);
  const kept = readServiceCa(
    parseCertificates(encodeServiceCa(second)).map(({ der }) => der),
    signer,
  );
  expect(isCaRenewalDue(kept, years(7))).toBe(false);
  const pins = await Promise.all(
    [7, 11].map((count) => makeTlsCredentials(kept, ['localhost'], systemRandom, years(count), record)),
  );
  expect(pins.map(({ pin }) => pin)).toEqual(
    [first, second].map(({ certificate }) => fingerprintOf(certificate.der)),
  );
  // Shortly before the end of the old one nothing is presented beyond it.
  const last = await makeTlsCredentials(kept, ['localhost'], systemRandom, years(9.95), record);
  expect(last.notAfter).toEqual(first.certificate.notAfter);
  const third = await makeServiceCa(signer, systemRandom, years(14), record, [
    second.certificate,
    first.certificate,
  ]);
  expect(third.before).toEqual([second.certificate]);
});

test('a certificate of another key is none of the CA', async () => {
  const { signer, record } = await watched();
  const other = await watched();
  const stranger = await makeServiceCa(other.signer, systemRandom, NOW, record);
  expect(() => readServiceCa([stranger.certificate.der], signer)).toThrow('does not belong to its key');
});
