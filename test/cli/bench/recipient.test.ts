import { expect, it } from 'vitest';
import { makeRecipient } from '../../../src/cli/bench/recipient.ts';
import {
  isSignedBy,
  parseCertificate,
  parseRecipient,
  verifyRecipientAlive,
} from '../../../src/x509/index.ts';

it('the recipient of the bench is one that the service takes, and signs itself', () => {
  const der = makeRecipient();
  const recipient = parseRecipient(der);
  expect(recipient.key).toMatchObject({ kind: 'agreement', curve: 'P-256' });
  expect(() => verifyRecipientAlive(recipient, new Date())).not.toThrow();
  const certificate = parseCertificate(der);
  expect(isSignedBy(certificate, certificate)).toBe(true);
});
