import type { RowProblem } from '../batch/index.ts';
import type { PkiError, RefusalCode, Violation } from '../errors.ts';

/** What a refusal looks like from outside. */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** What to do about it, for the person who reads `/problems/<code>`. */
  readonly help: string;
  /** The same call may succeed later. */
  readonly retryable: boolean;
}

const kind = (status: number, title: string, help: string): ProblemKind => ({
  status,
  title,
  help,
  retryable: status === 429 || status === 503 || status === 507,
});

/** Every refusal's form on the wire. A code without a row does not compile. */
export const PROBLEMS: Readonly<Record<RefusalCode, ProblemKind>> = {
  'bad-der': kind(
    400,
    'The DER is malformed',
    'The octets are not strict DER: cut off, padded, in BER, or something follows the end. Make the request again, and send the file as it is (curl: --data-binary, not --data).',
  ),
  'bad-pem': kind(
    400,
    'The PEM is malformed',
    'One block with matching BEGIN and END lines and exact base64 between them is due. Check that the file was not cut, wrapped by an editor, or put together with another one.',
  ),
  'bad-csr': kind(
    400,
    'This is not a proper certificate request',
    'A PKCS#10 request (RFC 2986) is due. Look at it with: openssl req -in device.csr -noout -text',
  ),
  'bad-json': kind(
    400,
    'The JSON does not fit',
    'Look at the violations: each names the place as a JSON pointer. Names that are not in openapi.yaml, and names that stand twice, are refused.',
  ),
  'bad-row': kind(
    400,
    'The row cannot be read',
    'A row of a lot is one JSON object on one line, one record of a CSV, or one file of an archive, of at most 64 KiB; text is UTF-8. docs/batches.md says what is taken.',
  ),
  'bad-lot': kind(
    400,
    'The lot cannot be read as a whole',
    'The archive, the compression or the header of the CSV is damaged, cut off, or not of a form that is taken. What came before the fault stands: put the lot right and send it again under the same id. docs/batches.md says what is taken.',
  ),
  'bad-request': kind(
    400,
    'The call does not fit',
    'The detail and the violations name the parameter, header or combination that does not fit. openapi.yaml says what does.',
  ),
  'bad-ca-certificate': kind(
    400,
    'The certificate cannot head a fleet',
    'A root is due that is a CA, signed by its own key, not expired, together with exactly that key.',
  ),
  'bad-recipient': kind(
    400,
    'The certificate of the recipient cannot be used',
    'A certificate that is valid now is due, with an RSA key of 2048 to 8192 bits (keyUsage keyEncipherment) or an EC key on P-256 or P-384 (keyUsage keyAgreement); a certificate without keyUsage will do. docs/made-keys.md shows how to make one.',
  ),
  'bad-pkcs12': kind(
    400,
    'The PKCS#12 file cannot be used',
    'A PKCS#12 file (RFC 7292) with at most one private key is due, and the passphrase that it was made with.',
  ),
  'bad-credentials': kind(
    400,
    'The archive of credentials cannot be read',
    'A plain zip is due, as docs/credentials.md describes it: no encryption, no zip64, no links, each name once.',
  ),
  'bad-ceremony': kind(
    400,
    'The files of the ceremony do not hold together',
    'Send all files of the folder that fleetca ceremony run wrote, as they are. fleetca ceremony verify says on your machine what is wrong with them.',
  ),
  'too-large': kind(
    413,
    'The body is too large',
    'JSON has at most 256 KiB, a PKCS#10 request 64 KiB, and so has a row of a lot; docs/batches.md lists the limits of lots. Send many requests as a batch.',
  ),
  'unsupported-media-type': kind(
    415,
    'The media type is not taken here',
    'Set Content-Type to one that openapi.yaml lists for the call (with charset utf-8 or none), and send the body without a Content-Encoding.',
  ),
  'not-acceptable': kind(
    406,
    'No such form of the answer',
    'Set Accept to one of the media types that openapi.yaml lists for the call, or leave it out.',
  ),
  'method-not-allowed': kind(
    405,
    'The path does not know this method',
    'The Allow header lists those it knows.',
  ),
  'bad-signature': kind(
    422,
    'The request is not signed by its own key',
    'The signature must be made with the private key that belongs to the public key in the request: it proves possession. The request was changed after signing, or a wrong key was used.',
  ),
  'issuer-unknown': kind(
    422,
    'The issuer is not on record',
    'The certificate names an issuer that no CA of the fleet has. Import that CA first, with its key or without, from the root downwards; docs/migration.md says how.',
  ),
  'weak-signature': kind(
    422,
    'The request is signed with a broken digest',
    'Sign with SHA-256 or better (openssl req -sha256).',
  ),
  'weak-key': kind(
    422,
    'The key is too weak',
    'Make a new key: EC P-256, or RSA with at least 2048 bits and exponent 65537.',
  ),
  'broken-key': kind(
    422,
    'The private key of this public key can be found',
    'The key was made by a generator that is known to be faulty. Find out which chip or library made it and do not use its keys; make a new one elsewhere.',
  ),
  'bad-key': kind(
    422,
    'The public key is not a valid one',
    'Its point is not on the curve, its numbers are impossible, or it is encoded in a form that is not taken. Make a new key.',
  ),
  'curve-not-allowed': kind(
    422,
    'The profile does not take this curve',
    'Use a curve that the profile lists; P-256 always is.',
  ),
  'algorithm-not-allowed': kind(
    422,
    'The profile or target does not take this algorithm',
    'Use EC P-256, or what the detail names.',
  ),
  'subject-missing-cn': kind(
    422,
    'The request has no common name',
    'The common name is the device ID. Make the request with: openssl req -new -subj "/CN=<device ID>"',
  ),
  'subject-several-cn': kind(
    422,
    'The request has several common names',
    'One is due: the device ID. Servers differ in which of several they take.',
  ),
  'bad-device-id': kind(
    422,
    'The device ID cannot be one',
    'It has 1 to 64 characters in NFC, without control or format characters, slashes, or spaces and dots at its ends; for ota-ce it is a UUID in lower case.',
  ),
  'device-id-mismatch': kind(
    422,
    'The device ID of the call is not that of the request',
    'The deviceId that is sent must be the common name of the CSR. The files were mixed up, or leave deviceId out.',
  ),
  'extension-not-granted': kind(
    422,
    'The request asks for more than the profile grants',
    'Leave the extension out of the request: what a device certificate says is decided by the profile.',
  ),
  'profile-unknown': kind(
    422,
    'There is no such profile for this fleet',
    'Leave profile out for the target’s default, or use the name of one that the operator has put into profiles/.',
  ),
  'validity-exceeds-issuer': kind(
    422,
    'The certificate would outlive its issuer',
    'Ask for an earlier notAfter, or leave it out: the default is shortened to the issuer’s end.',
  ),
  'validity-exceeds-profile': kind(
    422,
    'The profile does not grant such a long validity',
    'Ask for an earlier notAfter, or leave it out.',
  ),
  'not-granted': kind(
    422,
    'The token is not good for this',
    'A token may be bound to profiles, to a form of device IDs and to labels; the detail says which of them does not fit. Use the token of the right station, or ask whoever gave it to you.',
  ),
  'bundle-unfit': kind(
    422,
    'The bundle would not work where it goes',
    'The detail says why. Set what is missing with `fleetca fleet set`, or take the layout that fits the device and its OTA server: docs/bundles.md says which is for whom. GET …/bundle/check says the same without making anything.',
  ),
  'gateway-not-allowed': kind(
    422,
    'The service does not call this gateway',
    'The service calls the gateway of the fleet (gatewayUrl) alone, and only where the operator has named its host and port in check.gateways. One that registers unknown devices needs mayRegister=true. Or check from your own machine: fleetca check BUNDLE --gateway URL.',
  ),
  'already-exists': kind(409, 'The name is taken', 'Choose another name, or use what is there.'),
  'key-of-another-device': kind(
    409,
    'Another device has this key',
    'Two devices share a private key: a copied image, or a generator without entropy. Make a new key on the device. If the board was only renamed, role security may release the key.',
  ),
  'key-of-a-ca': kind(409, 'An authority has this key', 'A CA’s key is never a device’s. Make a new key.'),
  'key-retired': kind(
    409,
    'A certificate for this key was revoked',
    'Make a new key on the device and ask with supersede; or, where the revocation was a mistake, ask with supersede for the same key.',
  ),
  'key-not-recoverable': kind(
    409,
    'The private key was handed out once',
    'The CA made the key and does not keep it: it was in the first answer, or in an envelope that was acknowledged. If it is lost, ask with supersede and a reason, with a token that may: the device gets another key and certificate.',
  ),
  'device-has-other-key': kind(
    409,
    'The device has a certificate for another key',
    'If the device was set up anew, ask with supersede and a reason, with a token that may. If not, two devices claim one ID: find out which is right.',
  ),
  'device-id-twin': kind(
    409,
    'Another device has nearly the same ID',
    'IDs that differ in case or width alone are taken for one by file systems and people. Use the ID exactly as it was first used.',
  ),
  'device-scrapped': kind(
    409,
    'The device is scrapped',
    'Its certificates are revoked, and nothing is issued to its name. Where the same device comes back into service, a person of role security takes it back: fleetca device reinstate, with a reason. Else give the device another ID.',
  ),
  'certificate-superseded': kind(
    409,
    'The device has a newer certificate',
    'Renew with the newest certificate of the device. Where that is lost, or was revoked, ask role security for a new one with supersede.',
  ),
  'request-differs': kind(
    409,
    'The device has a certificate that says something else',
    'The request names another notAfter or other labels than the live certificate has. Leave them out to get that one, or ask with supersede and a new key.',
  ),
  'idempotency-key-reused': kind(
    409,
    'The batch id belongs to another lot',
    'An Idempotency-Key belongs to one fleet, profile and authority. Use a new one for this lot.',
  ),
  device_already_registered: kind(
    409,
    'The device ID is taken',
    'The ID has a certificate, and its key was handed out: a device registers once. Let the device choose another ID; or, where it is the same one and has lost its key, make its credentials with fleetca device create and --supersede. docs/registration.md says more.',
  ),
  unauthenticated: kind(
    401,
    'A valid token is needed',
    'Send Authorization: Bearer <token>. The first admin token lies in keys/admin-token; further ones are made with POST /v1/tokens or fleetca token create.',
  ),
  'not-found': kind(
    404,
    'Not there, or not yours',
    'Check the name, and whether the token’s role and fleet allow this call: both look the same from outside.',
  ),
  'quota-exceeded': kind(
    429,
    'The quota is spent',
    'Where it is the quota of an hour, go on in the next one; else ask whoever gave you the token for another. Rows of a lot that were refused so are sent again under the same id.',
  ),
  'rate-limited': kind(
    429,
    'Too many calls',
    'Wait as long as Retry-After says. Many requests are better sent as one batch.',
  ),
  'authority-not-active': kind(
    409,
    'There is no active authority to do it',
    'Create the fleet’s root and, if you want one, an issuing authority; or name one that is active.',
  ),
  'rotation-refused': kind(
    409,
    'The rotation does not go on like this',
    'The detail names the rule that stands against it: a generation is in the trust bundle before it issues, and nothing leaves that while certificates under it are valid. fleetca rotate status shows the line.',
  ),
  'crl-not-possible': kind(
    409,
    'An authority of the fleet may not sign CRLs',
    'Its certificate was made without cRLSign in keyUsage, as the roots of both manuals are. A gateway that is given a CRL of such a root refuses every device, so there is none, and no file for the gateway. Revoke all the same, and block the device at the gateway or at the OTA server; or begin a new fleet with a root of the profile fleet-root.',
  ),
  'authority-ambiguous': kind(409, 'The fleet has several issuing authorities', 'Name one with authority.'),
  'key-offline': kind(
    409,
    'The key is offline',
    'The service does not hold this key. What it is to sign is signed in a ceremony (docs/ceremonies.md) or where the key is, and taken in: POST /v1/fleets/{fleet}/ceremonies, or …/authorities/{authority}/certificate for a request of ours.',
  ),
  'issuer-near-end': kind(
    409,
    'The authority ends soon',
    'With under 30 days left it issues no more. Rotate it.',
  ),
  'renewal-too-early': kind(
    409,
    'It is too early to renew',
    'The detail says from when on the certificate can be renewed. Ask then; nothing else has to change.',
  ),
  'renewal-too-late': kind(
    409,
    'The certificate expired too long ago',
    'It can be renewed until the end of the grace after its end. Now role security, or a token with the right supersede, has to ask for a new one with supersede; look at the device first.',
  ),
  'clock-behind': kind(
    503,
    'The service’s clock runs behind',
    'Its clock shows a time before the last certificate that it issued. Put the clock right (NTP), then ask again.',
  ),
  'restoration-not-settled': kind(
    503,
    'The database was put back from a copy, and nobody has settled what happened since',
    'Nothing is signed until then; reading goes on. Role security takes in the CRLs that gateways hold and says that it is settled: fleetca backup settle.',
  ),
  busy: kind(503, 'Busy', 'Ask again in a moment.'),
  'storage-full': kind(
    507,
    'There is no room to write it down',
    'Nothing was issued. Make room on the disk that holds db/ and ask again.',
  ),
  'storage-unavailable': kind(
    503,
    'The database does not answer',
    'Nothing was issued. Ask again; if it lasts, look at the service’s log.',
  ),
  'signer-unavailable': kind(
    503,
    'The authority’s key cannot be used now',
    'Nothing was issued. Ask again; if it lasts, look at the service’s log. Where the key is in a token, GET /readyz says why, and docs/custody.md what to do.',
  ),
};

export const isRefusalCode = (code: string): code is RefusalCode => Object.hasOwn(PROBLEMS, code);

/** Problem details (RFC 9457) without `instance`: what a row of a lot carries. */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: RefusalCode;
  readonly retryable: boolean;
  readonly violations?: readonly Violation[];
}

function detailsOf(code: RefusalCode, detail: string, violations: readonly Violation[]): ProblemDetails {
  const { status, title, retryable } = PROBLEMS[code];
  return {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    code,
    retryable,
    ...(violations.length > 0 ? { violations } : {}),
  };
}

export const problemOf = ({ code, message, violations }: PkiError): ProblemDetails =>
  detailsOf(code, message, violations);

/** The problem of a stored row. */
export function problemOfRow({ code, message, violations = [] }: RowProblem): ProblemDetails {
  if (!isRefusalCode(code)) throw new Error(`the ledger holds a refusal that is not known: ${code}`);
  return detailsOf(code, message, violations);
}

/** Seconds after which to ask again. */
export const retryAfterSeconds = ({ facts }: PkiError): number =>
  typeof facts.retryAfterSeconds === 'number' ? facts.retryAfterSeconds : 1;
