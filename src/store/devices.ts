import type { Act, Actor, DeviceChange, DeviceState, Sighting, StoredCertificate } from '../ca/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { deviceRow, findCertificate } from './certificates.ts';
import { fleetName } from './fleets.ts';
import { deviceBusy, noCertificate, noDevice } from './refusals.ts';
import {
  findLive,
  findReplaced,
  type OrderHead,
  type RevocationTarget,
  replacedBy,
  revokeTargets,
} from './revocations.ts';
import { build, type Session } from './session.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** The number of a device whose state is to change; undefined where it has that state already. */
function* deviceToChange(fleetId: number, deviceId: string, to: DeviceState): Asking<number | undefined> {
  const device = yield* deviceRow(fleetId, deviceId);
  if (!device) throw noDevice();
  return (device.scrapped === 1) === (to === 'scrapped') ? undefined : device.id;
}

/** Refuses `busy` while an intent of the device is neither completed nor given up. */
function* verifyNothingOpen(device: number): Asking<void> {
  const open = yield* first(
    build
      .selectFrom('intent as i')
      .leftJoin('certificate as c', 'c.intent_id', 'i.id')
      .select('i.id')
      .where('i.device', '=', device)
      .where('i.abandoned', '=', 0)
      .where('c.intent_id', 'is', null)
      .limit(1),
  );
  if (open) throw deviceBusy();
}

/** What scrapping a device changes; undefined where it is scrapped. Rejects as the port says. */
export function* planScrap(
  fleetId: number,
  deviceId: string,
): Asking<{ readonly device: number; readonly targets: readonly RevocationTarget[] } | undefined> {
  const device = yield* deviceToChange(fleetId, deviceId, 'scrapped');
  if (device === undefined) return undefined;
  yield* verifyNothingOpen(device);
  return { device, targets: yield* findLive(device) };
}

/** The device that is to be taken back. Rejects as the port says. */
export const planReinstatement = (fleetId: number, deviceId: string): Asking<number | undefined> =>
  deviceToChange(fleetId, deviceId, 'active');

/** The order by which a scrapped device's certificates are revoked. */
export const scrapOrder = (fleetId: number, device: string): OrderHead => ({
  fleetId,
  of: { device },
  reason: 'cessationOfOperation',
});

/** What the entry of a change says; the verifier compares it with the row. */
export const changeDetails = (deviceId: string, reason: string) => ({ deviceId, reason });

export const CHANGE_ACTIONS = { scrapped: 'device-scrapped', active: 'device-reinstated' } as const;

export const insertChange = (device: number, state: DeviceState, reason: string, auditSeq: number) =>
  build.insertInto('device_change').values({ audit_seq: auditSeq, device, state, reason });

export const setState = (device: number, state: DeviceState) =>
  build
    .updateTable('device')
    .set({ scrapped: state === 'scrapped' ? 1 : 0 })
    .where('id', '=', device);

function changeState(
  session: Session,
  act: Act,
  fleetId: number,
  device: number,
  { state, ...said }: { readonly state: DeviceState; readonly deviceId: string; readonly reason: string },
): void {
  const auditSeq = appendAudit(session, act, {
    action: CHANGE_ACTIONS[state],
    fleet: fleetName(session, fleetId),
    details: changeDetails(said.deviceId, said.reason),
  });
  session.run(insertChange(device, state, said.reason, auditSeq));
  session.run(setState(device, state));
}

/** See `DeviceLedger.scrapDevice`. */
export function scrapDevice(
  session: Session,
  act: Act,
  fleetId: number,
  deviceId: string,
  reason: string,
): number {
  const plan = answer(session, planScrap(fleetId, deviceId));
  if (!plan) return 0;
  changeState(session, act, fleetId, plan.device, { state: 'scrapped', deviceId, reason });
  return revokeTargets(session, act, scrapOrder(fleetId, deviceId), plan.targets);
}

/** See `DeviceLedger.reinstateDevice`. */
export function reinstateDevice(
  session: Session,
  act: Act,
  fleetId: number,
  deviceId: string,
  reason: string,
): void {
  const device = answer(session, planReinstatement(fleetId, deviceId));
  if (device !== undefined) changeState(session, act, fleetId, device, { state: 'active', deviceId, reason });
}

export function* listDeviceChanges(
  fleetId: number,
  deviceId: string,
  limit: number,
): Asking<readonly DeviceChange[]> {
  const device = yield* deviceRow(fleetId, deviceId);
  if (!device) return [];
  const rows = yield* all(
    build
      .selectFrom('device_change as x')
      .innerJoin('audit as a', 'a.seq', 'x.audit_seq')
      .select(['x.state', 'x.reason', 'a.at', 'a.actor_kind', 'a.actor_id', 'a.actor_role'])
      .where('x.device', '=', device.id)
      .orderBy('x.audit_seq', 'desc')
      .limit(limit),
  );
  return rows.map((row) => ({
    state: row.state as DeviceState,
    reason: row.reason,
    at: new Date(row.at),
    actor: { kind: row.actor_kind as Actor['kind'], id: row.actor_id, role: row.actor_role },
  }));
}

/** What telling of a certificate changes; without `targets`, nothing. Rejects as the port says. */
export function* planSighting(fingerprint: Uint8Array): Asking<{
  readonly certificate: StoredCertificate;
  readonly targets?: readonly RevocationTarget[];
}> {
  const certificate = yield* findCertificate(fingerprint);
  if (!certificate) throw noCertificate();
  const { intentId, seenAt, revokedAt, revokeOld } = certificate;
  if (seenAt !== null || revokedAt !== null) return { certificate };
  return { certificate, targets: revokeOld === 'after-handshake' ? yield* findReplaced(intentId) : [] };
}

/** What the entry of a sighting says. */
export const seenDetails = ({
  fingerprint,
  deviceId,
}: Pick<StoredCertificate, 'fingerprint' | 'deviceId'>) => ({
  certificate: hex(fingerprint),
  deviceId,
});

export const insertSighting = ({ intentId }: StoredCertificate, at: Date, auditSeq: number) =>
  build.insertInto('sighting').values({ intent_id: intentId, seen_at: at.getTime(), audit_seq: auditSeq });

/** See `DeviceLedger.recordSeen`. */
export function recordSeen(session: Session, act: Act, fingerprint: Uint8Array): Sighting {
  const { certificate, targets } = answer(session, planSighting(fingerprint));
  if (!targets) return { certificate, revoked: 0 };
  const auditSeq = appendAudit(session, act, {
    action: 'certificate-seen',
    fleet: fleetName(session, certificate.fleetId),
    details: seenDetails(certificate),
  });
  session.run(insertSighting(certificate, act.at, auditSeq));
  const order = replacedBy(certificate.fleetId, 'after-handshake');
  const revoked = revokeTargets(session, act, order, targets);
  return { certificate: { ...certificate, seenAt: act.at }, revoked };
}
