import type { Act, DeviceChange, StoredCertificate } from './ledger-records.ts';

/**
 * The ledger of what becomes of devices after their certificates were issued. Commands are as those of `Ledger`.
 */
export interface DeviceLedger {
  /**
   * Marks a device scrapped, and all its certificates revoked with `cessationOfOperation`, those that have ended,
   * too. From then on `recordIntents` refuses its name: `device-scrapped`. Gives how many it revoked; the same
   * again changes nothing. Rejects with `not-found`, and with `busy` while an intent of the device is open.
   */
  scrapDevice(act: Act, fleetId: number, deviceId: string, reason: string): Promise<number>;
  /**
   * Takes a device back; its certificates stay revoked. Where it is not scrapped nothing changes. Rejects with
   * `not-found`.
   */
  reinstateDevice(act: Act, fleetId: number, deviceId: string, reason: string): Promise<void>;
  /** What became of a device, newest first, at most `limit`. */
  listDeviceChanges(fleetId: number, deviceId: string, limit: number): Promise<readonly DeviceChange[]>;
  /**
   * Notes the first handshake of a certificate. Where it was to be revoked what this one supersedes, that is, in
   * the same transaction. Of one that was seen before, or is revoked, nothing changes. Rejects with `not-found`.
   */
  recordSeen(act: Act, fingerprint: Uint8Array): Promise<Sighting>;
}

/** What came of telling that a certificate was seen. */
export interface Sighting {
  readonly certificate: StoredCertificate;
  /** Certificates that it revoked by this call. */
  readonly revoked: number;
}
