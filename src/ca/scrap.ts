import { PkiError } from '../errors.ts';
import type { CaContext } from './context.ts';
import { abandonStranded, PENDING_PAUSE_MS, PENDING_TRIES } from './issue.ts';
import type { Act, Fleet } from './ledger-records.ts';

/**
 * Scraps a device, as `DeviceLedger.scrapDevice` does; a certificate that is under way is waited for, up to two
 * seconds. Gives how many certificates it revoked. Rejects with `not-found`, and with `busy` after that.
 */
export async function scrapDevice(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  deviceId: string,
  reason: string,
): Promise<number> {
  await abandonStranded(ca, act);
  for (let attempt = 1; ; attempt++) {
    try {
      return await ca.devices.scrapDevice(act, fleet.id, deviceId, reason);
    } catch (failure) {
      const isBusy = failure instanceof PkiError && failure.code === 'busy';
      if (!isBusy || attempt > PENDING_TRIES) throw failure;
      await ca.clock.sleep(PENDING_PAUSE_MS);
    }
  }
}
