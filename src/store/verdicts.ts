import type { IntentRow, IntentVerdict, StoredCertificate } from '../ca/index.ts';
import type { Fact, RefusalCode } from '../errors.ts';

/** What both engines say to a row that asks for its slot and its key; they differ in how they look things up. */

const refused = (
  code: RefusalCode,
  message: string,
  facts: Readonly<Record<string, Fact>> = {},
): IntentVerdict => ({ verdict: 'refused', code, message, facts });

/** Refuses the row alone: a session that refuses a text undoes the whole command. */
export function checkTexts({ deviceId, labels, supersede }: IntentRow): IntentVerdict | undefined {
  if (deviceId.includes('\0')) return refused('bad-device-id', 'The device ID holds U+0000.');
  const strange = [labels, supersede].some((text) => text?.includes('\0'));
  return strange ? refused('bad-request', 'The labels or the reason hold U+0000.') : undefined;
}

/** The verdict, with a word on a key that a device of another fleet has. */
export const tellOfKey = (verdict: IntentVerdict, isElsewhere: boolean): IntentVerdict =>
  isElsewhere && (verdict.verdict === 'recorded' || verdict.verdict === 'replay')
    ? { ...verdict, keyElsewhere: true }
    : verdict;

/** The folded ID of the row belongs to `twin`. */
export const deviceIdTwin = (twin: string): IntentVerdict =>
  refused('device-id-twin', 'Another device of the fleet has an ID that differs in case or form alone.', {
    twin,
  });

export const keyOfCa = (): IntentVerdict =>
  refused('key-of-a-ca', 'The key of the request is the key of an authority.');

export const keyOfAnotherDevice = (owner: string): IntentVerdict =>
  refused(
    'key-of-another-device',
    'The key of the request belongs to another device of the fleet: was an image with a key in it copied?',
    { owner },
  );

/** A certificate of the row's key, not the slot's present one, was revoked. */
export const keyRetired = (): IntentVerdict =>
  refused(
    'key-retired',
    'A certificate of this key was revoked. A new one for the same key needs `supersede` with a reason.',
  );

const sameOctets = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What a live certificate in the slot says to a request with the same key. */
function replayOrDiffer(row: IntentRow, certificate: StoredCertificate): IntentVerdict {
  if (row.notAfterAsked && certificate.notAfter.getTime() !== row.notAfter.getTime()) {
    return refused('request-differs', 'This device and key have a certificate with another notAfter.');
  }
  if (row.labelsAsked && row.labels !== (certificate.labels ?? '{}')) {
    return refused('request-differs', 'This device and key have a certificate with other labels.');
  }
  return { verdict: 'replay', certificate };
}

/** What the slot's present certificate says to a request: a verdict, or undefined where the slot may be taken. */
export function judgeAgainst(
  row: IntentRow,
  certificate: StoredCertificate,
  at: Date,
): IntentVerdict | undefined {
  const supersedes = row.supersede !== null;
  if (!sameOctets(certificate.keyDigest, row.keyDigest)) {
    return supersedes
      ? undefined
      : refused(
          'device-has-other-key',
          'The device has a certificate for another key. Replacing it needs `supersede` with a reason.',
        );
  }
  if (certificate.revokedAt !== null) {
    return supersedes
      ? undefined
      : refused(
          'key-retired',
          'The certificate of this key was revoked. A new one for the same key needs `supersede` with a reason.',
        );
  }
  return certificate.notAfter <= at ? undefined : replayOrDiffer(row, certificate);
}
