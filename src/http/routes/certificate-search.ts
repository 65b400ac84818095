import { z } from 'zod';
import type { CertificateSearch } from '../../ca/index.ts';
import { type CertificateView, certificateEntryJson } from '../certificate-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { BATCH_ID } from '../get-batch.ts';
import { type CsvColumns, negotiateList, pageLimit, streamList } from '../list-forms.ts';
import { getFleet } from '../names.ts';
import { fitQuery, wholeNumber } from '../query.ts';
import { collectPage, eachPage, type ReadSlice } from '../search-pages.ts';
import { SERIAL, serialOctets } from '../serial.ts';
import { sendJson } from '../web.ts';

const hex = (pattern: RegExp, what: string) =>
  z
    .string()
    .regex(pattern, `must be ${what} in hex`)
    .transform((text) => new Uint8Array(Buffer.from(text, 'hex')));

/** `name:value`; the value may hold further colons. */
const label = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}:[^\0]{1,256}$/, 'must be name:value')
  .transform((text) => {
    const at = text.indexOf(':');
    return { name: text.slice(0, at), value: text.slice(at + 1) };
  });

const searchQuery = z.strictObject({
  deviceId: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[^\0]*$/)
    .optional(),
  serial: z.string().regex(SERIAL, 'must be a serial number in hex').transform(serialOctets).optional(),
  keyDigest: hex(/^[0-9a-fA-F]{64}$/, 'a SHA-256').optional(),
  batch: z.string().regex(BATCH_ID).optional(),
  station: z
    .string()
    .regex(/^[0-9a-f]{16}$/, "must be a token's id")
    .optional(),
  label: label.optional(),
  status: z.enum(['active', 'superseded', 'revoked', 'expired']).optional(),
  expiringBefore: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .optional(),
  after: wholeNumber(0).default(0),
  limit: wholeNumber(1).optional(),
});

const searchOf = (wish: z.infer<typeof searchQuery>, fleetId: number, at: Date): CertificateSearch => ({
  fleetId,
  deviceId: wish.deviceId ?? null,
  serial: wish.serial ?? null,
  keyDigest: wish.keyDigest ?? null,
  batchId: wish.batch ?? null,
  tokenId: wish.station ?? null,
  label: wish.label ?? null,
  status: wish.status ?? null,
  expiringBefore: wish.expiringBefore ?? null,
  at,
});

type Entry = ReturnType<typeof certificateEntryJson>;

/** Without the certificate itself, which nobody reads in a table. */
const COLUMNS: CsvColumns<Entry> = {
  names: [
    ...['id', 'serial', 'fleet', 'deviceId', 'profile', 'authority', 'generation', 'notBefore', 'notAfter'],
    ...['status', 'labels', 'batch', 'station', 'keyDigest', 'issuedAt', 'supersededAt', 'revokedAt'],
    ...['revocationReason', 'imported'],
  ],
  cells: (entry) => [
    ...[entry.id, entry.serial, entry.fleet, entry.deviceId, entry.profile],
    ...[entry.authority.name, entry.authority.generation, entry.notBefore, entry.notAfter, entry.status],
    entry.labels && JSON.stringify(entry.labels),
    ...[entry.batch, entry.station, entry.keyDigest, entry.issuedAt, entry.supersededAt, entry.revokedAt],
    entry.revocationReason,
    String(entry.imported),
  ],
};

/** A page of JSON, or everything that is found as NDJSON or CSV. */
async function searchCertificates(call: Call): Promise<void> {
  const { edge, req, res, act } = call;
  const wish = fitQuery(searchQuery, req);
  const fleet = await getFleet(call);
  const form = negotiateList(req, res);
  const { ledger } = edge.ca;
  const generations = await ledger.listGenerations(fleet.id);
  const search = searchOf(wish, fleet.id, act.at);
  const read: ReadSlice<Entry> = async (after, limit) => {
    const { certificates, next } = await ledger.searchCertificates(search, after, limit);
    const views: readonly CertificateView[] = certificates.map((certificate) => ({
      certificate,
      fleet,
      generations,
      now: act.at,
    }));
    return { items: views.map(certificateEntryJson), next };
  };
  if (form !== 'application/json') {
    await streamList(res, form, eachPage(read, wish.after, wish.limit ?? Number.MAX_SAFE_INTEGER), COLUMNS);
    return;
  }
  const limit = pageLimit(wish.limit);
  const { items, next } = await collectPage(read, wish.after, limit);
  sendJson(res, 200, { items, next: next === null ? null : String(next) });
}

export const certificateSearchRoutes: readonly GuardedRoute[] = [
  {
    method: 'get',
    path: '/v1/fleets/:fleet/certificates',
    permission: 'certificate:read',
    scope: 'fleet',
    what: 'fleet',
    handle: searchCertificates,
  },
];
