import { z } from 'zod';
import type { AbandonedIntent, Fleet, Generation, StoredCertificate } from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant, formatInstantOrNull } from '../instant.ts';
import { pageLimit } from '../list-forms.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery, readPage, wholeNumber } from '../query.ts';
import { revocationSchema } from '../revocation.ts';
import { pathParameter, sendJson } from '../web.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** RFC 5280, 4.1.2.2: at most 20 octets. */
const SERIAL = /^(?:[0-9a-f]{2}){1,20}$/;

function authorityOf(generations: readonly Generation[], issuerId: number) {
  const issuer = generations.find(({ id }) => id === issuerId);
  // The intent of an authority's own certificate that was given up: a root that never came to be.
  return issuer ? { name: issuer.authority, generation: issuer.number } : null;
}

const intentJson = (fleet: Fleet, generations: readonly Generation[], intent: AbandonedIntent) => ({
  serial: hex(intent.serial),
  fleet: fleet.name,
  authority: authorityOf(generations, intent.issuerId),
  deviceId: intent.deviceId,
  batch: intent.batchId,
  notAfter: formatInstant(intent.notAfter),
  recordedAt: formatInstant(intent.recordedAt),
  revokedAt: formatInstantOrNull(intent.revokedAt),
  revocationReason: intent.revocationReason,
});

const listQuery = z.strictObject({ after: wholeNumber(0).default(0), limit: wholeNumber(1).optional() });

async function listAbandoned(call: Call): Promise<void> {
  const { after, limit } = fitQuery(listQuery, call.req);
  const fleet = await getFleet(call);
  const { ledger, revocations } = call.edge.ca;
  const generations = await ledger.listGenerations(fleet.id);
  const { items, next } = await readPage(
    pageLimit(limit),
    (most) => revocations.listAbandoned(fleet.id, after, most),
    ({ intentId }) => String(intentId),
  );
  sendJson(call.res, 200, { items: items.map((one) => intentJson(fleet, generations, one)), next });
}

/** What carries a serial in a fleet: certificates, and intents that were given up. */
async function findBySerial(
  { edge }: Call,
  fleet: Fleet,
  serial: Uint8Array,
): Promise<readonly (StoredCertificate | AbandonedIntent)[]> {
  const certificates = await edge.ca.ledger.findCertificatesBySerial(serial);
  const abandoned = await edge.ca.revocations.findAbandoned(fleet.id, serial);
  return [...certificates.filter(({ fleetId }) => fleetId === fleet.id), ...abandoned];
}

/** Revokes what carries a serial, whether it is on record as complete or not. */
async function revokeSerial(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act, req, res, requester } = call;
  const fleet = await getFleet(call);
  const text = pathParameter(req, 'serial').toLowerCase();
  const found = SERIAL.test(text) ? await findBySerial(call, fleet, Buffer.from(text, 'hex')) : [];
  const { reason } = await readJson(call, revocationSchema);
  const [first, second] = found;
  if (second) throw new PkiError('not-found', 'Several carry this serial number: revoke by the fingerprint.');
  if (!first) throw notFound('serial', requester.role);
  const isComplete = 'fingerprint' in first;
  const marked = isComplete
    ? await edge.ca.ledger.markRevoked(act, first.fingerprint, reason)
    : await edge.ca.revocations.revokeAbandoned(act, first.intentId, reason);
  edge.lists.soon();
  const generations = await edge.ca.ledger.listGenerations(fleet.id);
  sendJson(res, 200, {
    serial: text,
    fleet: fleet.name,
    authority: authorityOf(generations, first.issuerId),
    deviceId: first.deviceId,
    certificate: isComplete ? hex(first.fingerprint) : null,
    revokedAt: formatInstantOrNull(marked.revokedAt),
    revocationReason: marked.revocationReason,
  });
}

export const serialRoutes: readonly GuardedRoute[] = [
  {
    method: 'get',
    path: '/v1/fleets/:fleet/abandoned-intents',
    permission: 'certificate:revoke',
    scope: 'fleet',
    what: 'fleet',
    handle: listAbandoned,
  },
  {
    method: 'post',
    path: '/v1/fleets/:fleet/serials/:serial/revoke',
    permission: 'certificate:revoke',
    scope: 'fleet',
    what: 'serial',
    handle: revokeSerial,
  },
];
