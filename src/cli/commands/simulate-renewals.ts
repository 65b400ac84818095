import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { renewalPeriod } from '../../ca/index.ts';
import { PkiError } from '../../errors.ts';
import type { DeviceFiles } from '../../gateway/index.ts';
import type { Invocation } from '../invocation.ts';
import { errnoOf, LocalFailure } from '../local-failure.ts';
import { renewDevice } from './renew.ts';

/** What came of the renewals of a round. */
export interface Renewals {
  readonly renewals: number;
  /** Devices whose renewal failed, by the service's code or, where none came, ours; the most frequent first. */
  readonly renewalsRefused: readonly { readonly reason: string; readonly devices: number }[];
}

export const NO_RENEWALS: Renewals = { renewals: 0, renewalsRefused: [] };

export interface RenewalsWish {
  /** Holds a folder for each device. */
  readonly folder: string;
  readonly devices: readonly DeviceFiles[];
  readonly at: string;
  readonly fleet: string;
  readonly atATime: number;
  readonly signal: AbortSignal;
}

/** docs/renewal.md: the service's own window where nothing else is set. */
const WINDOW_DAYS = 90;

/** True from when on a device asks; how long after its end it still may, the service alone knows. */
function isDue(chain: string, now: number): boolean {
  const { validFrom, validTo } = new X509Certificate(chain);
  const life = { notBefore: new Date(validFrom), notAfter: new Date(validTo) };
  return now >= renewalPeriod(life, { windowDays: WINDOW_DAYS, graceDays: 0 }).from.getTime();
}

function reasonOf(failure: unknown): string {
  if (failure instanceof PkiError || failure instanceof LocalFailure) return failure.code;
  return errnoOf(failure) ?? (failure instanceof Error ? failure.message : String(failure));
}

/**
 * Renews those whose certificates are in their window, as `renew` does, each with a new key: certificate and key
 * are replaced in the device's folder. Rejects for an abort alone; what else goes wrong is counted.
 */
export async function renewDue(invocation: Invocation, wish: RenewalsWish): Promise<Renewals> {
  const { folder, devices, at, fleet, atATime, signal } = wish;
  const waiting = [...devices];
  const refused = new Map<string, number>();
  let renewals = 0;
  const lane = async (): Promise<void> => {
    for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
      signal.throwIfAborted();
      try {
        if (!isDue(device.chain, Date.now())) continue;
        const place = join(folder, device.name);
        const files = { certificate: join(place, 'client.pem'), key: join(place, 'pkey.pem') };
        await renewDevice(invocation, { at, fleet }, files);
        renewals++;
      } catch (failure) {
        const reason = reasonOf(failure);
        refused.set(reason, (refused.get(reason) ?? 0) + 1);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, devices.length) }, lane));
  const renewalsRefused = [...refused]
    .map(([reason, count]) => ({ reason, devices: count }))
    .sort((one, other) => other.devices - one.devices);
  return { renewals, renewalsRefused };
}
