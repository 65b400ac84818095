/**
 * What the authority asks of the ledger. Adapters implement it; the contract tests in `test/store` hold each of
 * them to every sentence here. The ports to keys and steps, and of what came later, lie beside.
 */
import type {
  Act,
  Actor,
  AuthorityRequest,
  CertificatePage,
  CertificateSearch,
  CompletionChunk,
  Device,
  Fleet,
  FleetTerms,
  Generation,
  GenerationImport,
  GenerationIntent,
  IntentChunk,
  IntentVerdict,
  LinePlace,
  NewAuthorityRequest,
  NewFleet,
  StoredCertificate,
} from './ledger-records.ts';

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
   * Rejects with `already-exists` when it is to be the first and the authority has a generation with a
   * certificate; with `not-found` when it is to be the next and there is none, with `rotation-refused` when
   * another is on its way; with `key-of-a-ca` or `key-of-another-device` when the key is in use.
   */
  recordGenerationIntent(
    act: Act,
    runId: string,
    intent: GenerationIntent,
  ): Promise<{ generationId: number }>;
  /**
   * Completes it: the first of an authority is active, the next is staged. Rejects when there is no such open
   * intent of this run, and as the intent does.
   */
  recordGenerationIssued(
    act: Act,
    runId: string,
    generationId: number,
    certificate: Uint8Array,
    place: LinePlace,
  ): Promise<Generation>;
  /**
   * Stores what another CA is asked to certify, before it is signed. Rejects as the intent of a generation does,
   * but for the key, and with `already-exists` where one of the authority is open.
   */
  recordAuthorityRequest(act: Act, request: NewAuthorityRequest): Promise<AuthorityRequest>;
  /** The open one of an authority. It is open until a generation of its key is taken in. */
  findAuthorityRequest(fleetId: number, authority: string): Promise<AuthorityRequest | undefined>;
  /** All that are open in a fleet, oldest first. */
  listAuthorityRequests(fleetId: number): Promise<readonly AuthorityRequest[]>;
  /** Takes in a generation that was made elsewhere: the first of an authority is active, the next staged. Same refusals as an intent. */
  recordGenerationImported(act: Act, generation: GenerationImport): Promise<Generation>;
  /** All generations of a fleet that have a certificate, oldest first. */
  listGenerations(fleetId: number): Promise<readonly Generation[]>;
  findGeneration(id: number): Promise<Generation | undefined>;
  /** The keys of all generations of the service, also of those that have no certificate or wait for one, in bytewise order. */
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
   * Rejects whole with `clock-behind` when `act.at` lies more than five minutes before the last intent, and with
   * `busy` when an issuer is neither active nor draining: it was active when the rows were prepared, and another
   * generation is now.
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
  | 'service-ca-renewed'
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
