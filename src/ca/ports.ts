/**
 * What the authority asks of the outside. Adapters implement these contracts; the contract tests in
 * `test/store` and `test/keystore` hold each of them to every sentence here.
 */
import type { KeyObject } from 'node:crypto';
import type { Requester } from '../enrollment/index.ts';
import type { Fact, PkiError, RefusalCode } from '../errors.ts';
import type { DeviceKeyAlgorithm, KeyAlgorithm, SignatureAlgorithm } from '../x509/index.ts';

/** A key that signs for an authority. Where the key lives is the adapter's business. */
export interface Signer {
  /** What `sign` produces and what goes into the certificate's AlgorithmIdentifier. */
  readonly algorithm: SignatureAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /**
   * Signs the octets (the hash is the algorithm's). The answer is the content of the certificate's
   * signatureValue: an ECDSA-Sig-Value in DER, an RSA or an Ed25519 signature.
   * Rejects with `signer-unavailable` when the key cannot be reached now.
   */
  sign(tbs: Uint8Array): Promise<Uint8Array>;
  /**
   * The private key, where it may be copied into the service's own threads; null where it stays where
   * it is (a token).
   */
  readonly portable: KeyObject | null;
}

/** Where private keys of authorities are kept. A key id is `[a-z0-9.-]{1,160}`. */
export interface Keystore {
  /** Makes a key under an id that is not taken. When it resolves, the key is on disk. */
  generate(keyId: string, algorithm: KeyAlgorithm): Promise<Signer>;
  /** Takes a private key (PKCS#8, DER) under an id that is not taken. When it resolves, it is on disk. */
  adopt(keyId: string, pkcs8: Uint8Array): Promise<Signer>;
  /** Opens a key for signing; rejects with `signer-unavailable` when there is none or it cannot be read. */
  open(keyId: string): Promise<Signer>;
  /** Removes a key for good. Where there is none, nothing changes. For keys that no ledger names. */
  discard(keyId: string): Promise<void>;
}

/**
 * Who did it. `id` is a token's id, that of registration credentials, or the word for a part of the service
 * (`service`, `cli`).
 */
export interface Actor {
  readonly kind: 'token' | 'registration' | 'service' | 'operator';
  readonly id: string;
  readonly role: string;
}

/** What the audit entry of a command says beside what the store adds (sequence, hashes, row digest). */
export interface Act {
  readonly at: Date;
  readonly actor: Actor;
}

export interface NewFleet {
  readonly name: string;
  readonly target: string;
  readonly gatewayUrl: string | null;
  /** The gateway's server root(s), PEM; goes to devices as `root.crt`. Never the fleet root. */
  readonly gatewayRoot: string | null;
}

/** What bundles need to know of a fleet beside its gateway; null: nobody said. */
export interface FleetSettings {
  /** What the devices tell the server that they are (`provision.primary_ecu_hardware_id`). */
  readonly hardwareId: string | null;
  /** Path of the PKCS#11 module on the devices. */
  readonly pkcs11Module: string | null;
  /** What the gateway was given to trust: the fleet's root alone, or the trust bundle with the CAs below it. */
  readonly gatewayTrusts: 'fleet-root' | 'trust-bundle' | null;
  /** Where the devices fetch OSTree commits; null: at the gateway, under `/treehub`. */
  readonly ostreeServer: string | null;
}

/** What of a fleet can change. */
export interface FleetTerms extends Pick<NewFleet, 'gatewayUrl' | 'gatewayRoot'> {
  readonly settings: FleetSettings;
}

export interface Fleet extends NewFleet, FleetTerms {
  readonly id: number;
  readonly createdAt: Date;
}

/** `registration`: signs what devices register with. It issues no device, and no gateway trusts it. */
export type AuthorityKind = 'root' | 'issuing' | 'registration';
export type GenerationState = 'staged' | 'published' | 'active' | 'draining' | 'retired' | 'compromised';

/** One key and one certificate of an authority. */
export interface Generation {
  readonly id: number;
  readonly fleetId: number;
  readonly authority: string;
  readonly kind: AuthorityKind;
  readonly number: number;
  readonly state: GenerationState;
  readonly profile: string;
  readonly keyId: string;
  readonly certificate: Uint8Array;
  /** The generation that signed this one; its own id where it is self-signed. */
  readonly issuerId: number;
  readonly imported: boolean;
  readonly createdAt: Date;
}

/** A generation whose key exists and whose certificate is about to be signed. */
export interface GenerationIntent {
  readonly fleetId: number;
  readonly authority: string;
  readonly kind: AuthorityKind;
  readonly profile: string;
  readonly profileDigest: Uint8Array;
  readonly keyId: string;
  /** SHA-256 of the canonical SubjectPublicKeyInfo. */
  readonly keyDigest: Uint8Array;
  /** null: self-signed. */
  readonly issuerId: number | null;
  readonly serial: Uint8Array;
  readonly tbsDigest: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A root that was made elsewhere and is taken in with its key. */
export interface GenerationImport {
  readonly fleetId: number;
  readonly authority: string;
  readonly kind: AuthorityKind;
  readonly profile: string;
  readonly keyId: string;
  readonly keyDigest: Uint8Array;
  readonly serial: Uint8Array;
  readonly certificate: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** One row that asks for its slot (fleet, device, profile) and its key (fleet, key digest). */
export interface IntentRow {
  readonly deviceId: string;
  /** The device ID folded (NFKC, case): unique in the fleet. */
  readonly foldedId: string;
  readonly profile: string;
  readonly profileDigest: Uint8Array;
  readonly issuerId: number;
  readonly serial: Uint8Array;
  /** SHA-256 of the canonical SubjectPublicKeyInfo. */
  readonly keyDigest: Uint8Array;
  readonly tbsDigest: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** True where the request named notAfter: then a replay must carry the same. */
  readonly notAfterAsked: boolean;
  /** What is recorded: the request's labels and those of its token, canonical JSON; null: none. */
  readonly labels: string | null;
  /** True where the request named labels: then a replay must carry the same. */
  readonly labelsAsked: boolean;
  /** Present only where the grant allows it. */
  readonly supersede: string | null;
  /** Present where we made the key, which differs from one request to the next; null: it came in a CSR. */
  readonly made: MadeKeyClaim | null;
}

/** What a row says whose key was made for it. */
export interface MadeKeyClaim {
  /** SHA-256 of the certificate that the key is to be encrypted for; null: it goes out in the answer, once. */
  readonly recipientDigest: Uint8Array | null;
}

/** How keys are made for requests that bring none. */
export interface KeyMaking {
  /** Of requests that name none. */
  readonly algorithm: DeviceKeyAlgorithm;
  /** The certificate, DER, that keys are encrypted for; null: they go out in the answer, once. */
  readonly recipient: Uint8Array | null;
}

/** Whose requests these are and what they are made under: the same for all rows of a chunk. */
export interface IssueContext {
  readonly fleet: { readonly id: number; readonly name: string; readonly target: string };
  readonly requester: Requester;
  /** Device profile of rows that name none. */
  readonly profile: string;
  readonly issuer: Pick<Generation, 'id' | 'keyId' | 'certificate' | 'authority' | 'number'>;
  /** Present where a line without a CSR asks for a key, too. */
  readonly making?: KeyMaking;
}

/**
 * One request on its way to step 1. `line`: a row of a lot as it came, JSON; without a CSR it asks for a
 * key, where the context says that keys are made. `request`: PKCS#10 octets
 * (PEM or DER) with the other fields as JSON. `refused`: the edge refused it, and it only keeps its place.
 */
export type RequestInput =
  | { readonly form: 'line'; readonly octets: Uint8Array }
  | { readonly form: 'request'; readonly octets: Uint8Array; readonly fields: string }
  | { readonly form: 'refused'; readonly refusal: PkiError };

export interface PrepareOrder {
  readonly context: IssueContext;
  readonly requests: readonly RequestInput[];
  readonly at: Date;
}

/** What became of a request in steps 1 and 2. `deviceId` is what it said of itself, as far as it got. */
export type PreparedRow =
  | { readonly intent: IntentRow; readonly warnings: readonly string[] }
  | { readonly refusal: PkiError; readonly deviceId: string | null };

/** A chunk after steps 1 and 2. Its TBS stay where they were made; each can be signed once. */
export interface PreparedChunk {
  /** One a request, in order. */
  readonly rows: readonly PreparedRow[];
  /**
   * Step 4 for those rows (indexes, ascending): signs, verifies each signature with the issuer's public
   * key, and puts the certificates together, in the order asked. Rejects with `signer-unavailable`.
   */
  sign(rows: readonly number[]): Promise<readonly SignedRow[]>;
  /** Lets go of what was not signed. */
  release(): void;
}

export interface SignedRow extends KeyHandover {
  readonly der: Uint8Array;
  readonly fingerprint: Uint8Array;
}

/** How a key that we made leaves; both null where we made none. */
export interface KeyHandover {
  /** PKCS#8, DER, in the clear: where no recipient was named. Kept nowhere; whoever sends it wipes it. */
  readonly privateKey: Uint8Array | null;
  /** CMS EnvelopedData, DER, for the recipient. */
  readonly envelope: Uint8Array | null;
}

/** The steps that need nothing but processor time: decide, prepare, sign. They run where the adapter says. */
export interface Steps {
  prepare(order: PrepareOrder): Promise<PreparedChunk>;
}

export interface IntentChunk {
  readonly act: Act;
  readonly runId: string;
  readonly fleetId: number;
  readonly batchId: string | null;
  readonly rows: readonly IntentRow[];
}

/** A device certificate as the ledger holds it. */
export interface StoredCertificate {
  readonly intentId: number;
  /** SHA-256 of the DER: the certificate's id in the API. */
  readonly fingerprint: Uint8Array;
  readonly der: Uint8Array;
  readonly serial: Uint8Array;
  readonly fleetId: number;
  readonly deviceId: string;
  readonly profile: string;
  readonly issuerId: number;
  readonly keyDigest: Uint8Array;
  /** True where we made the key. */
  readonly made: boolean;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly labels: string | null;
  readonly issuedAt: Date;
  readonly batchId: string | null;
  /** Id of the token, or of the registration credentials, that asked. */
  readonly tokenId: string;
  readonly supersededAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revocationReason: string | null;
}

export type CertificateStatus = 'active' | 'superseded' | 'revoked' | 'expired';

/** What certificates of a fleet are searched by; null: anything. All that is given must hold. */
export interface CertificateSearch {
  readonly fleetId: number;
  readonly deviceId: string | null;
  readonly serial: Uint8Array | null;
  readonly keyDigest: Uint8Array | null;
  /** The batch that it was issued in. */
  readonly batchId: string | null;
  readonly tokenId: string | null;
  readonly label: { readonly name: string; readonly value: string } | null;
  readonly status: CertificateStatus | null;
  readonly expiringBefore: Date | null;
  /** Whether a certificate has expired is judged by it. */
  readonly at: Date;
}

/** Some of what a search finds. There may be none, and more to come. */
export interface CertificatePage {
  readonly certificates: readonly StoredCertificate[];
  /** Where to go on; null: that was the end. */
  readonly next: number | null;
}

/**
 * What became of a row. `recorded`: sign it. `replay`: the certificate of before, nothing was spent.
 * `pending`: another request holds the slot with an open intent of `runId`; ask again. `keyElsewhere`: a
 * device of another fleet of the service has the key, too.
 */
export type IntentVerdict =
  | { readonly verdict: 'recorded'; readonly intentId: number; readonly keyElsewhere?: true }
  | {
      readonly verdict: 'replay';
      readonly certificate: StoredCertificate;
      readonly keyElsewhere?: true;
      /** Of a row whose key we made: the envelope of before. */
      readonly envelope?: Uint8Array;
    }
  | { readonly verdict: 'pending'; readonly runId: string }
  | {
      readonly verdict: 'refused';
      readonly code: RefusalCode;
      readonly message: string;
      readonly facts: Readonly<Record<string, Fact>>;
    };

export interface Completion {
  readonly intentId: number;
  readonly der: Uint8Array;
  readonly fingerprint: Uint8Array;
  /** Of a key that we made for a recipient. */
  readonly envelope?: KeptEnvelope;
}

/** A key as it is kept until it is acknowledged. */
export interface KeptEnvelope {
  /** SHA-256 of the recipient's certificate. */
  readonly recipientDigest: Uint8Array;
  /** CMS EnvelopedData, DER. */
  readonly octets: Uint8Array;
}

export interface CompletionChunk {
  readonly act: Act;
  readonly runId: string;
  readonly fleetId: number;
  readonly batchId: string | null;
  readonly issued: readonly Completion[];
}

export interface Device {
  readonly fleetId: number;
  readonly deviceId: string;
  readonly createdAt: Date;
}

/**
 * The ledger. Every command is atomic and carries its audit entry in its own transaction; when a
 * promise of a `record…`, `create…` or `mark…` command resolves, it is on disk (synced), and when it
 * rejects, nothing of it is. No caller ever holds an open transaction. Reads see what is committed.
 * Rejects with `storage-full`, `storage-unavailable` or `busy` when the medium is the reason.
 */
export interface Ledger {
  /**
   * Resolves when a command that changes nothing has gone the way of all that change something. Rejects
   * as they would: with `storage-unavailable`, say, where nothing is written until a restart, or with
   * `storage-full`.
   */
  verifyWritable(): Promise<void>;

  /** Rejects with `already-exists` when the name is taken. */
  createFleet(act: Act, fleet: NewFleet): Promise<Fleet>;
  /** Replaces gateway and settings of a fleet as a whole; the same again changes nothing. Rejects with `not-found`. */
  recordFleetTerms(act: Act, fleetId: number, terms: FleetTerms): Promise<Fleet>;
  findFleet(name: string): Promise<Fleet | undefined>;
  findFleetById(id: number): Promise<Fleet | undefined>;
  /** In order of name, those after `after` (a name; '' for the first page). */
  listFleets(after: string, limit: number): Promise<readonly Fleet[]>;

  /**
   * Claims the authority's name for a new generation, and stores the intent of its certificate.
   * Rejects with `already-exists` when the authority has a generation with a certificate, with
   * `key-of-a-ca` or `key-of-another-device` when the key is in use.
   */
  recordGenerationIntent(
    act: Act,
    runId: string,
    intent: GenerationIntent,
  ): Promise<{ generationId: number }>;
  /** Completes it: the generation is active. Rejects when there is no such open intent of this run. */
  recordGenerationIssued(
    act: Act,
    runId: string,
    generationId: number,
    certificate: Uint8Array,
  ): Promise<Generation>;
  /** Takes in a generation that was made elsewhere; active at once. Same refusals as an intent. */
  recordGenerationImported(act: Act, generation: GenerationImport): Promise<Generation>;
  /** All generations of a fleet that have a certificate, oldest first. */
  listGenerations(fleetId: number): Promise<readonly Generation[]>;
  findGeneration(id: number): Promise<Generation | undefined>;
  /** The keys of all generations of the service, also of those that have no certificate, in bytewise order. */
  listKeyIds(): Promise<readonly string[]>;

  /**
   * Decides idempotency and key reuse for each row, in order, and records the intents of those that
   * won. One verdict a row, same order. A row of the chunk sees the rows before it. A refused or
   * replayed row leaves no trace (no device, no key claim). Decided here and nowhere else:
   * - the folded ID belongs to another ID of the fleet: refused `device-id-twin`;
   * - the key is a CA's, anywhere in the service: `key-of-a-ca`; another device's of this fleet:
   *   `key-of-another-device`;
   * - the slot (fleet, device, profile) holds an open intent of a live run: `pending`; an abandoned
   *   one, or nothing: claimed;
   * - it holds a live certificate of the same key: `replay`, unless notAfter or labels were asked
   *   and differ (`request-differs`);
   * - of the same key, revoked: `key-retired` without `supersede`; expired at `act.at`: claimed;
   * - of another key: `device-has-other-key` without `supersede`; with it the old certificate is
   *   marked superseded when the new one is completed.
   * For a row whose key we made, which is never the key of before, the slot says instead:
   * - a certificate whose key came in a CSR: `device-has-other-key` without `supersede`;
   * - one whose key we made, revoked: `key-retired` without `supersede`; expired: claimed;
   * - live: `replay` with the envelope that is kept for the same recipient, unless notAfter or labels
   *   differ or the envelope is for another (`request-differs`); where none is kept, `key-not-recoverable`;
   * - with `supersede`: claimed; except that a row for a recipient with the reason by which the live
   *   certificate came to be is that request again, and judged as the one before.
   * A row that passed all of this spends a unit of the quota of the token that acts, where it has one,
   * in the total and in the hour of the clock (UTC) of `act.at`, and never in an earlier hour than the
   * last: where none is left, in rows before, too, `quota-exceeded`. So a quota is right whatever is
   * asked at one time, by whichever run; only a row that is recorded spends.
   * Where a recorded or replayed row has a key that a device of another fleet has, the verdict says so.
   * The key of a certificate of this device that was revoked is `key-retired` without `supersede`,
   * also when it is not the slot's present one.
   * Rejects whole with `clock-behind` when `act.at` lies more than five minutes before the last intent.
   */
  recordIntents(chunk: IntentChunk): Promise<readonly IntentVerdict[]>;
  /** Stores the certificates of open intents of this run, and their envelopes. Rejects whole if one is not open, or of another run. */
  recordIssued(chunk: CompletionChunk): Promise<void>;

  /**
   * Gives up open intents of this run whose certificates will not be completed, so that their slots
   * are free again and their units go back to the quota of the token that asked (to the hour's, while it
   * lasts): a quota counts certificates. So does what ends the run of an open intent. Those that are not
   * open are passed over.
   */
  abandonIntents(act: Act, runId: string, intentIds: readonly number[]): Promise<void>;

  findCertificate(fingerprint: Uint8Array): Promise<StoredCertificate | undefined>;
  /** All that carry this serial (imported fleets hold colliding ones). */
  findCertificatesBySerial(serial: Uint8Array): Promise<readonly StoredCertificate[]>;
  findDevice(fleetId: number, deviceId: string): Promise<Device | undefined>;
  /** All certificates of a device, newest first, at most `limit`. */
  listDeviceCertificates(
    fleetId: number,
    deviceId: string,
    limit: number,
  ): Promise<readonly StoredCertificate[]>;
  /**
   * Certificates of a fleet, oldest intent first; where they are found by their expiry, the earliest
   * first. Those after a cursor (an intent's number; 0 for the first page), at most `limit`. Looks at the
   * `limit` first candidates or a thousand, found by an index, so that no search keeps the store for
   * long: of what is asked beside that by which they are found, few may hold, and then pages are short.
   * A certificate that is completed while pages are read may be missed by those after its intent.
   */
  searchCertificates(search: CertificateSearch, after: number, limit: number): Promise<CertificatePage>;
  /** The device of a fleet that has a key. */
  findDeviceOfKey(fleetId: number, keyDigest: Uint8Array): Promise<Device | undefined>;
  /**
   * Devices of a fleet in bytewise order of their folded IDs, those after the one of `after`, a device ID
   * (it need not exist; '' for the first page).
   */
  listDevices(fleetId: number, after: string, limit: number): Promise<readonly Device[]>;

  /**
   * Drops the envelope of a certificate's key: whoever asks has it. Where none is kept, nothing changes.
   * Rejects with `not-found`.
   */
  acknowledgeKey(act: Act, fingerprint: Uint8Array): Promise<void>;
  /** The envelope of a certificate's key (CMS EnvelopedData, DER), while one is kept. */
  findEnvelope(fingerprint: Uint8Array): Promise<Uint8Array | undefined>;

  /** Marks a certificate revoked; the same again changes nothing and gives the first mark. */
  markRevoked(act: Act, fingerprint: Uint8Array, reason: string): Promise<StoredCertificate>;
  /**
   * Frees a key of a fleet from its device. Rejects with `not-found`, and with `key-retired` where a
   * certificate of the key was revoked for keyCompromise.
   */
  releaseKey(act: Act, fleetId: number, keyDigest: Uint8Array, reason: string): Promise<void>;
}

export interface AuditEntry {
  readonly seq: number;
  readonly at: string;
  readonly actor: Actor;
  readonly action: string;
  readonly fleet: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  /** SHA-256, hex. */
  readonly previous: string;
  /** SHA-256 over `previous` and the canonical JSON (RFC 8785) of the entry, hex. */
  readonly hash: string;
}

/** Acts of the service for itself, beside the cycle: its own certificates. */
export type ServiceAction =
  | 'service-ca-intent-recorded'
  | 'service-ca-created'
  | 'service-certificate-intent-recorded'
  | 'service-certificate-issued';

export interface AuditLog {
  /** Appends an entry for what the service did for itself. When it resolves, the entry is on disk. */
  recordServiceAct(
    act: Act,
    action: ServiceAction,
    details: Readonly<Record<string, string | number | readonly string[]>>,
  ): Promise<void>;
  /** Entries after `after` (0 for the first page), oldest first. */
  listAudit(after: number, limit: number): Promise<readonly AuditEntry[]>;
}
