/** What the ledger is told, and what it tells: fleets, authorities, intents, certificates. */
import type { Fact, RefusalCode } from '../errors.ts';

/**
 * Who did it. `id` is a token's id, that of registration credentials, the SHA-256 of a device's certificate (hex),
 * or the word for a part of the service (`service`, `cli`).
 */
export interface Actor {
  readonly kind: 'token' | 'registration' | 'device' | 'service' | 'operator';
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
  /** True of a compromised one that has left the trust bundle; until then it stands there. */
  readonly withdrawn: boolean;
  /** `given-up`: it is about to be destroyed, and signs nothing but its last CRL. */
  readonly key: 'kept' | 'given-up' | 'destroyed';
  readonly profile: string;
  readonly keyId: string;
  readonly certificate: Uint8Array;
  /** The generation that signed this one; its own id where it is self-signed. */
  readonly issuerId: number;
  readonly imported: boolean;
  readonly createdAt: Date;
  /** Its name and key as other roots of its line signed them; of a root alone. */
  readonly links: readonly RootLink[];
}

/** A link certificate (RFC 4210, 4.4): from the root that signed it to the root that it is about. */
export interface RootLink {
  readonly subjectId: number;
  readonly issuerId: number;
  readonly certificate: Uint8Array;
}

/** The first of an authority is active at once; each after it waits its turn. */
export type LinePlace = 'first' | 'next';

/** A generation whose key exists and whose certificate is about to be signed. */
export interface GenerationIntent {
  readonly fleetId: number;
  readonly place: LinePlace;
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

/** The ceremony that something came from, as the audit log tells of it. */
export interface CeremonyOrigin {
  readonly title: string;
  readonly custodians: readonly string[];
  /** SHA-256 of its transcript, hex. */
  readonly transcript: string;
}

/** An issuing authority whose key is here, and whose certificate another CA is to sign. */
export interface AuthorityRequest {
  readonly fleetId: number;
  readonly authority: string;
  readonly profile: string;
  readonly keyId: string;
  /** SHA-256 of the canonical SubjectPublicKeyInfo. */
  readonly keyDigest: Uint8Array;
  /** CertificationRequestInfo, DER. */
  readonly info: Uint8Array;
  readonly createdAt: Date;
}

export interface NewAuthorityRequest extends Omit<AuthorityRequest, 'createdAt'> {
  readonly place: LinePlace;
}

/** A CA whose certificate was made elsewhere. */
export interface GenerationImport {
  readonly fleetId: number;
  readonly place: LinePlace;
  /** null: self-signed. */
  readonly issuerId: number | null;
  readonly ceremony: CeremonyOrigin | null;
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

/** What a device's certificate takes: its slot (fleet, device, profile), its key (fleet, key digest), its serial. */
export interface LeafRow {
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
}

/** One row that asks for what it takes. */
export interface IntentRow extends LeafRow {
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
  /** What becomes of the certificates that this one supersedes; null: they stay valid. */
  readonly revokeOld: RevokeOld | null;
  /** The certificate with which a device asks for its next one; null: it is no renewal. */
  readonly renews: Predecessor | null;
}

/** When certificates of before are revoked: with the transaction that completes the new one, or when that was seen. */
export type RevokeOld = 'now' | 'after-handshake';

/** The certificate that another one renews. */
export interface Predecessor {
  readonly intentId: number;
  /** Its SHA-256, hex. */
  readonly certificate: string;
}

/** What a row says whose key was made for it. */
export interface MadeKeyClaim {
  /** SHA-256 of the certificate that the key is to be encrypted for; null: it goes out in the answer, once. */
  readonly recipientDigest: Uint8Array | null;
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
  /** True where it was issued elsewhere. */
  readonly imported: boolean;
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
  /** The reason with which it superseded what was there. */
  readonly supersede: string | null;
  readonly revokeOld: RevokeOld | null;
  readonly renews: Predecessor | null;
  /** When somebody told of its first handshake. */
  readonly seenAt: Date | null;
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
  readonly state: DeviceState;
}

/** `scrapped`: nothing is issued to the name, until a person takes it back. */
export type DeviceState = 'active' | 'scrapped';

/** A change of a device's state, and who made it and why. */
export interface DeviceChange {
  readonly state: DeviceState;
  readonly reason: string;
  readonly at: Date;
  readonly actor: Actor;
}
