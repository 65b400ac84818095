import { createHash, randomBytes } from 'node:crypto';
import {
  context,
  encodeBitString,
  encodeElement,
  encodeSequence,
  encodeSmallInteger,
  encodeUnsigned,
} from '../../src/asn1/index.ts';
import type { Act, Completion, IntentRow } from '../../src/ca/index.ts';
import { foldDeviceId } from '../../src/policy/index.ts';

/** Where every test of the ledger stands in time. They stray less than five minutes from it, so that they can share a ledger. */
export const NOON = new Date('2026-06-01T12:00:00Z');
const MINUTE_MS = 60_000;

export const minutesAfter = (minutes: number): Date => new Date(NOON.getTime() + minutes * MINUTE_MS);

export const sha256 = (octets: Uint8Array): Uint8Array => createHash('sha256').update(octets).digest();
export const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** A word that no other test has used, on this database or another. */
export const fresh = (word: string): string => `${word}-${randomBytes(6).toString('hex')}`;
export const freshDigest = (): Uint8Array => randomBytes(32);

export function freshSerial(): Uint8Array {
  const octets = randomBytes(16);
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40;
  return octets;
}

/** An act of a person of role security, some minutes from noon. */
export const actAt = (minutes = 0): Act => ({
  at: minutesAfter(minutes),
  actor: { kind: 'token', id: '00112233aabbccdd', role: 'security' },
});

/** As much of a tbsCertificate as a ledger looks at: version and serial. */
const tbsOf = (serial: Uint8Array): Uint8Array =>
  encodeSequence(encodeElement(context(0, 'constructed'), encodeSmallInteger(2)), encodeUnsigned(serial));

export const tbsDigestOf = (serial: Uint8Array): Uint8Array => sha256(tbsOf(serial));

/** A certificate as far as a ledger knows what one is. */
export const certificateOf = (serial: Uint8Array, signature = serial): Uint8Array =>
  encodeSequence(tbsOf(serial), encodeSequence(), encodeBitString(signature));

export type RowWish = Partial<IntentRow> & Pick<IntentRow, 'deviceId' | 'issuerId'>;

export function sampleRow(wish: RowWish): IntentRow {
  const serial = wish.serial ?? freshSerial();
  return {
    foldedId: foldDeviceId(wish.deviceId),
    profile: 'device',
    profileDigest: sha256(Buffer.from('device')),
    serial,
    keyDigest: freshDigest(),
    tbsDigest: tbsDigestOf(serial),
    notBefore: minutesAfter(-24 * 60),
    notAfter: minutesAfter(365 * 24 * 60),
    notAfterAsked: false,
    labels: null,
    labelsAsked: (wish.labels ?? null) !== null,
    supersede: null,
    made: null,
    revokeOld: null,
    renews: null,
    ...wish,
  };
}

export function completionOf(row: IntentRow, intentId: number): Completion {
  const der = certificateOf(row.serial, row.keyDigest);
  return { intentId, der, fingerprint: sha256(der) };
}
