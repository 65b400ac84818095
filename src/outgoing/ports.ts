/** What outgoing calls ask of the ledger: whom to call, what has happened since, and a place for what failed. */
import type { Act, AuditEntry, StoredCertificate } from '../ca/index.ts';

/** What webhooks are told of. */
export const EVENT_TYPES = [
  'certificate.issued',
  'certificate.expiring',
  'request.refused',
  'batch.done',
  'authority.published',
  'authority.rotated',
  'authority.compromised',
  'authority.expiring',
  'rotation.due',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const DEVICE_TYPES = ['Other', 'Vehicle'] as const;

/** How devices of a fleet are registered at its device registry. */
export interface RegistrySettings {
  /** Sent as `x-ats-namespace`. */
  readonly namespace: string;
  readonly deviceType: (typeof DEVICE_TYPES)[number];
  /** The label whose value is the registry's `deviceId`; null, or a certificate without it: the common name. */
  readonly deviceIdLabel: string | null;
  /** The same for `deviceName`. */
  readonly deviceNameLabel: string | null;
  /** PEM: who has certified the server, instead of the public CAs; null: those. */
  readonly serverCa: string | null;
}

export interface WebhookSettings {
  readonly events: readonly EventType[];
  /** How long before its end a certificate is told of. */
  readonly expiringDays: number;
  readonly serverCa: string | null;
}

interface Addressee {
  /** 16 lower-case hex digits. */
  readonly id: string;
  readonly fleetId: number;
  /** Of the fleet's webhooks; a registry has the name of its kind. */
  readonly name: string;
  readonly url: string;
  /** As `sealSecret` left it: what a webhook is signed with, or what a registry is shown. */
  readonly secret: Uint8Array | null;
}

export type NewDestination = Addressee &
  (
    | { readonly kind: 'registry'; readonly settings: RegistrySettings }
    | { readonly kind: 'webhook'; readonly settings: WebhookSettings }
  );

/** How far a destination was told of certificates that are about to expire. */
export interface ExpiryProgress {
  /** Of those that end up to here. */
  readonly through: Date;
  /** Of those that end up to here some: a look-ahead is under way; null: none is. */
  readonly until: Date | null;
  /** The last of them, as `Ledger.searchCertificates` counts; 0: none yet. */
  readonly place: number;
}

/** Whom the service calls. */
export type Destination = NewDestination & {
  readonly createdAt: Date;
  /** The last entry of the audit log that was dealt with: delivered, or kept as a delivery. */
  readonly cursor: number;
  readonly expiring: ExpiryProgress;
};

export type Registry = Extract<Destination, { kind: 'registry' }>;
export type Webhook = Extract<Destination, { kind: 'webhook' }>;

/** What is told: the present state of a device, or an event in the words of the first time. */
export type Message =
  | { readonly deviceId: string }
  | { readonly eventType: EventType; readonly body: string };

export type DeliveryState = 'pending' | 'dead';

/** What has failed. */
export interface FailedDelivery {
  /** The same for what is told, however often it is tried. */
  readonly id: string;
  readonly message: Message;
  readonly attempts: number;
  /** null: it is dead. */
  readonly nextAttemptAt: Date | null;
  readonly lastError: string;
}

export interface Delivery extends Omit<FailedDelivery, 'lastError'> {
  /** Counts up. */
  readonly number: number;
  readonly destinationId: string;
  readonly state: DeliveryState;
  /** null: it was not tried yet. */
  readonly lastError: string | null;
  readonly createdAt: Date;
  readonly changedAt: Date;
}

/** What a registry has taken of a device. */
export interface DeviceRegistration {
  readonly deviceId: string;
  /** Of the certificate. */
  readonly intentId: number;
}

/** A lot whose devices a person wants registered. */
export interface LotOrder {
  readonly batchId: string;
  /** The outcome, a `seq`, up to which it was seen to. */
  readonly after: number;
}

/** What is left to do for a destination. */
export interface Backlog {
  /** Those whose time has come, the longest waiting first. */
  readonly due: readonly Delivery[];
  /** Pending ones, counted up to the limit that was asked for. */
  readonly pending: number;
  readonly orders: readonly LotOrder[];
}

/** What has come of calls to a destination, and how far that has brought it. */
export interface Progress {
  readonly at: Date;
  /** Deliveries that have arrived, or have nothing to tell any more. */
  readonly settled: readonly string[];
  readonly failed: readonly FailedDelivery[];
  readonly registered: readonly DeviceRegistration[];
  /** Devices that the registry has dropped. */
  readonly dropped: readonly string[];
  readonly cursor?: { readonly from: number; readonly to: number };
  readonly order?: { readonly batchId: string; readonly after: number; readonly isDone: boolean };
  readonly expiring?: ExpiryProgress;
}

/** Entries of a fleet, and how far the log was read for them. */
export interface EntryPage {
  readonly entries: readonly AuditEntry[];
  readonly through: number;
}

export interface DeliverySearch {
  readonly fleetId: number;
  readonly state: DeliveryState | null;
}

/**
 * The ledger of what is told to others. Commands are as those of `Ledger`, but for `recordProgress`: how far a
 * destination was told is no act of a person, and has no audit entry.
 */
export interface OutgoingStore {
  /**
   * Adds a destination, which is told of what happens from now on. The fleet's registry under another URL or
   * namespace takes the place of the one before, and goes on where that has come to; under the same it takes
   * over settings and secret alone. Rejects with `already-exists` where the fleet has a webhook of the name.
   */
  recordDestination(act: Act, destination: NewDestination): Promise<Destination>;
  /** Ends a destination and drops its deliveries. */
  removeDestination(act: Act, id: string): Promise<void>;
  findDestination(fleetId: number, kind: Destination['kind'], name: string): Promise<Destination | undefined>;
  /** Those of a fleet in order of name, after `after` ('' for the first page). */
  listDestinations(
    fleetId: number,
    kind: Destination['kind'],
    after: string,
    limit: number,
  ): Promise<readonly Destination[]>;
  /** All of the service. */
  listAllDestinations(): Promise<readonly Destination[]>;

  /** Entries of a fleet with one of these actions after a number of the log, oldest first, a page of them. */
  listEntriesOf(fleetId: number, actions: readonly string[], after: number): Promise<EntryPage>;
  /** The certificates of intents that an entry of issued ones names: ranges, both ends in them. */
  listIssued(ranges: readonly (readonly [number, number])[]): Promise<readonly StoredCertificate[]>;
  /** At most `limit` that are due, and what is pending as far as `most`. */
  readBacklog(destinationId: string, at: Date, limit: number, most: number): Promise<Backlog>;
  /** Rejects where the cursor is no longer at `from`: another has gone on from there. */
  recordProgress(destinationId: string, progress: Progress): Promise<void>;
  findDeviceRegistration(
    destinationId: string,
    deviceId: string,
  ): Promise<{ readonly intentId: number; readonly at: Date } | undefined>;

  /** How many deliveries of a destination are in a state, counted up to `most`. */
  countDeliveries(destinationId: string, state: DeliveryState, most: number): Promise<number>;
  /** Those of a fleet in order of number, after `after`. */
  listDeliveries(search: DeliverySearch, after: number, limit: number): Promise<readonly Delivery[]>;
  findDelivery(fleetId: number, id: string): Promise<Delivery | undefined>;
  /** Makes a delivery pending and due, as if it were tried for the first time. Rejects with `not-found`. */
  retryDelivery(act: Act, fleetId: number, id: string): Promise<Delivery>;
  /** Makes the registration of a device due. */
  orderDevice(act: Act, registryId: string, deviceId: string): Promise<Delivery>;
  /** Makes the registration of all devices of a lot due, from its first outcome on. */
  orderLot(act: Act, registryId: string, batchId: string): Promise<void>;
}
