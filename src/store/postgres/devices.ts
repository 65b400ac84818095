import type { Act, DeviceState, Sighting } from '../../ca/index.ts';
import {
  CHANGE_ACTIONS,
  changeDetails,
  insertChange,
  insertSighting,
  planReinstatement,
  planScrap,
  planSighting,
  scrapOrder,
  seenDetails,
  setState,
} from '../devices.ts';
import { replacedBy } from '../revocations.ts';
import { fleetName } from './fleets.ts';
import { revokeTargets } from './revocations.ts';
import type { Transaction } from './transaction.ts';

async function changeState(
  transaction: Transaction,
  act: Act,
  fleetId: number,
  device: number,
  { state, ...said }: { readonly state: DeviceState; readonly deviceId: string; readonly reason: string },
): Promise<void> {
  const auditSeq = await transaction.appendAudit(act, {
    action: CHANGE_ACTIONS[state],
    fleet: await fleetName(transaction, fleetId),
    details: changeDetails(said.deviceId, said.reason),
  });
  await transaction.run(insertChange(device, state, said.reason, auditSeq));
  await transaction.run(setState(device, state));
}

/** See `DeviceLedger.scrapDevice`. */
export async function scrapDevice(
  transaction: Transaction,
  act: Act,
  fleetId: number,
  deviceId: string,
  reason: string,
): Promise<number> {
  const plan = await transaction.answer(planScrap(fleetId, deviceId));
  if (!plan) return 0;
  await changeState(transaction, act, fleetId, plan.device, { state: 'scrapped', deviceId, reason });
  return revokeTargets(transaction, act, scrapOrder(fleetId, deviceId), plan.targets);
}

/** See `DeviceLedger.reinstateDevice`. */
export async function reinstateDevice(
  transaction: Transaction,
  act: Act,
  fleetId: number,
  deviceId: string,
  reason: string,
): Promise<void> {
  const device = await transaction.answer(planReinstatement(fleetId, deviceId));
  if (device !== undefined)
    await changeState(transaction, act, fleetId, device, { state: 'active', deviceId, reason });
}

/** See `DeviceLedger.recordSeen`. */
export async function recordSeen(
  transaction: Transaction,
  act: Act,
  fingerprint: Uint8Array,
): Promise<Sighting> {
  const { certificate, targets } = await transaction.answer(planSighting(fingerprint));
  if (!targets) return { certificate, revoked: 0 };
  const auditSeq = await transaction.appendAudit(act, {
    action: 'certificate-seen',
    fleet: await fleetName(transaction, certificate.fleetId),
    details: seenDetails(certificate),
  });
  await transaction.run(insertSighting(certificate, act.at, auditSeq));
  const order = replacedBy(certificate.fleetId, 'after-handshake');
  const revoked = await revokeTargets(transaction, act, order, targets);
  return { certificate: { ...certificate, seenAt: act.at }, revoked };
}
