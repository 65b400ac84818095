import type { DeviceKey, Layout, LayoutName } from '../bundle/index.ts';
import { certificateStatus, type Device, type Fleet, type StoredCertificate } from '../ca/index.ts';
import { notFound } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import { bundleFor, ELSEWHERE, layoutNamed } from './bundles.ts';
import type { CertificateView } from './certificate-json.ts';
import type { Call } from './edge.ts';
import { getFleet } from './names.ts';
import { encodeEnvelopePem } from './recipient.ts';

const MOST_CERTIFICATES = 100;

/** A device of the fleet that the path names, with its certificates, newest first. Refuses `not-found`. */
export async function getDevice(
  call: Call,
  deviceId: string,
): Promise<{ device: Device; views: readonly CertificateView[]; fleet: Fleet }> {
  const fleet = await getFleet(call);
  const { ledger } = call.edge.ca;
  // U+0000 is no part of any ID, and not every engine can be asked for it.
  const device = deviceId.includes('\0') ? undefined : await ledger.findDevice(fleet.id, deviceId);
  if (!device) throw notFound('device', call.requester.role);
  const [certificates, generations] = await Promise.all([
    ledger.listDeviceCertificates(fleet.id, deviceId, MOST_CERTIFICATES),
    ledger.listGenerations(fleet.id),
  ]);
  const views = certificates.map((certificate) => ({ certificate, fleet, generations, now: call.act.at }));
  return { device, views, fleet };
}

/** The envelope, where the layout has a place for it and one is kept. */
async function keyFor(
  { edge }: Call,
  { madeKey }: Layout,
  certificate: StoredCertificate,
): Promise<DeviceKey> {
  if (madeKey !== 'due' || !certificate.made) return ELSEWHERE;
  const envelope = await edge.ca.ledger.findEnvelope(certificate.fingerprint);
  return envelope ? { kind: 'envelope', pem: encodeEnvelopePem(envelope) } : ELSEWHERE;
}

/** The bundle of the device's newest live certificate. Refuses `not-found`. */
export async function getBundle(call: Call, deviceId: string, name: LayoutName) {
  const { views } = await getDevice(call, deviceId);
  const live = views.find(({ certificate, now }) => certificateStatus(certificate, now) === 'active');
  if (!live) throw new PkiError('not-found', 'The device has no live certificate.');
  const layout = layoutNamed(name);
  const key = await keyFor(call, layout, live.certificate);
  return { name, view: live, bundle: bundleFor(live, layout, key) };
}
