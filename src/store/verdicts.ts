import type { IntentRow, IntentVerdict, MadeKeyClaim, StoredCertificate } from '../ca/index.ts';
import type { Fact, RefusalCode } from '../errors.ts';
import type { MadeKeyRecord } from './envelopes.ts';

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
  refused('key-of-a-ca', 'The key of the request is an authority’s, or one that devices register with.');

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

/** Nothing is issued to a name whose device is scrapped, whatever the key and whoever asks. */
export const deviceScrapped = (): IntentVerdict =>
  refused(
    'device-scrapped',
    'The device is scrapped: nothing is issued to its name. A person of role security can take it back.',
  );

const deviceHasOtherKey = (): IntentVerdict =>
  refused(
    'device-has-other-key',
    'The device has a certificate for another key. Replacing it needs `supersede` with a reason.',
  );

/** When a certificate is judged, and which generations of the service are compromised: what they signed is void. */
export interface Judged {
  readonly at: Date;
  readonly lost: ReadonlySet<number>;
}

/** True where a device can go on with it: it is neither expired nor void. Whether it is revoked is another matter. */
const isInForce = ({ notAfter, issuerId }: StoredCertificate, { at, lost }: Judged): boolean =>
  at < notAfter && !lost.has(issuerId);

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
  judged: Judged,
): IntentVerdict | undefined {
  const supersedes = row.supersede !== null;
  if (!sameOctets(certificate.keyDigest, row.keyDigest)) {
    return supersedes ? undefined : deviceHasOtherKey();
  }
  if (certificate.revokedAt !== null) {
    return supersedes
      ? undefined
      : refused(
          'key-retired',
          'The certificate of this key was revoked. A new one for the same key needs `supersede` with a reason.',
        );
  }
  return isInForce(certificate, judged) ? replayOrDiffer(row, certificate) : undefined;
}

/**
 * The same for a row by which a device renews; `peer` is the certificate that it has shown. It may be the slot's
 * own, or one that was renewed already: the answer may have been lost, and the key that came with it, too.
 */
export function judgeRenewal(
  row: IntentRow,
  peer: StoredCertificate | undefined,
  standing: StoredCertificate,
  judged: Judged,
): IntentVerdict | undefined {
  const isOwn = peer?.deviceId === row.deviceId && peer.profile === row.profile;
  if (!isOwn) throw new Error('a certificate is renewed that is not of the device and profile');
  if (peer.revokedAt !== null)
    return refused('unauthenticated', 'The certificate of the client was revoked.');
  if (standing.intentId === peer.intentId) return undefined;
  if (standing.renews?.intentId !== peer.intentId || standing.revokedAt !== null) {
    return refused(
      'certificate-superseded',
      'The device has another certificate since, which did not come of a renewal of this one or is revoked. Renew with the newest.',
    );
  }
  const isRetry = sameOctets(standing.keyDigest, row.keyDigest) && isInForce(standing, judged);
  return isRetry ? { verdict: 'replay', certificate: standing } : undefined;
}

/** A certificate, and what is on record of its key, if we made it. */
export interface StandingKey extends MadeKeyRecord {
  readonly certificate: StoredCertificate;
}

/** What a live certificate says to the request that made its key, again. */
function replayEnvelope(
  row: IntentRow,
  { recipientDigest }: MadeKeyClaim,
  { certificate, envelope }: StandingKey,
): IntentVerdict {
  if (envelope === null) {
    return refused(
      'key-not-recoverable',
      `The CA made the key of this device and has it no longer. Another one needs \`supersede\` with a reason${
        row.supersede === null ? '' : ' that was not given before'
      }.`,
    );
  }
  if (recipientDigest === null || !sameOctets(recipientDigest, envelope.recipientDigest)) {
    return refused(
      'request-differs',
      'The key of this device was made, and is kept for another recipient until that acknowledges it. Name that one, or replace the key with `supersede` and a reason.',
    );
  }
  const verdict = replayOrDiffer(row, certificate);
  return verdict.verdict === 'replay' ? { ...verdict, envelope: envelope.octets } : verdict;
}

/**
 * As `judgeAgainst`, for a row whose key was made for it: that is never the key of before. With a
 * recipient, the reason by which the standing certificate came to be is a retry of that request: a lot
 * that is sent again must not replace what it has just made.
 */
export function judgeMadeKey(
  row: IntentRow,
  claim: MadeKeyClaim,
  standing: StandingKey,
  judged: Judged,
): IntentVerdict | undefined {
  const { certificate } = standing;
  const isAlive = certificate.revokedAt === null && isInForce(certificate, judged);
  if (row.supersede !== null) {
    const isRetry =
      certificate.made && claim.recipientDigest !== null && row.supersede === standing.supersede;
    return isRetry && isAlive ? replayEnvelope(row, claim, standing) : undefined;
  }
  if (!certificate.made) return deviceHasOtherKey();
  if (certificate.revokedAt !== null) {
    return refused(
      'key-retired',
      'The certificate of this device was revoked. Another key needs `supersede` with a reason.',
    );
  }
  return isAlive ? replayEnvelope(row, claim, standing) : undefined;
}
