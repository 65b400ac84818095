import { z } from 'zod';
import { parsePem } from '../../asn1/index.ts';
import {
  type ListPublisher,
  type ListResult,
  type RestorationState,
  readRestoration,
  settleRestoration,
  takeList,
} from '../../ca/index.ts';
import { PkiError } from '../../errors.ts';
import { readCrlOctets, readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant, formatInstantOrNull } from '../instant.ts';
import { mediaTypeOf } from '../media-type.ts';
import { reasonSchema } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { sendJson } from '../web.ts';

export const settlementSchema = z.strictObject({
  reason: reasonSchema,
  /** Go on although the CRL of an authority was not taken in. */
  withoutCrls: z.literal(true).optional(),
});

const PEM_TYPE = 'application/x-pem-file';
const CRL_TYPES = [PEM_TYPE, 'application/pkix-crl'] as const;
/** As OpenSSL writes them. */
const CRL_LABEL = 'X509 CRL';
/** What a gateway holds: one for each CA of its trust bundle. */
const MOST_CRLS = 100;

const publisherJson = ({ fleet, generation, lastNumber, taken }: ListPublisher) => ({
  fleet: fleet.name,
  authority: generation.authority,
  generation: generation.number,
  lastNumber,
  taken: taken && { number: taken.number, thisUpdate: formatInstant(taken.thisUpdate) },
});

const readableState = ({ restoration, publishers }: RestorationState) => ({
  state: restoration.settledAt === null ? 'unsettled' : 'settled',
  copiedAt: formatInstant(restoration.copiedAt),
  restoredAt: formatInstant(restoration.restoredAt),
  lastEntry: restoration.lastEntry,
  settledAt: formatInstantOrNull(restoration.settledAt),
  authorities: publishers.map(publisherJson),
});

const NONE = {
  state: 'none',
  copiedAt: null,
  restoredAt: null,
  lastEntry: null,
  settledAt: null,
  authorities: [],
} as const;

const stateJson = (state: RestorationState | null) => (state ? readableState(state) : NONE);

async function show({ edge, req, res }: Call): Promise<void> {
  fitQuery(noQuery, req);
  sendJson(res, 200, stateJson(await readRestoration(edge.ca)));
}

/** Refuses `bad-pem`. */
function crlsIn(octets: Uint8Array, mediaType: string): readonly Uint8Array[] {
  if (mediaType !== PEM_TYPE) return [octets];
  const blocks = parsePem(Buffer.from(octets).toString('latin1'));
  if (blocks.length === 0 || blocks.length > MOST_CRLS || blocks.some(({ label }) => label !== CRL_LABEL))
    throw new PkiError(
      'bad-pem',
      `There must be CRLs (${CRL_LABEL}) and nothing else, at most ${MOST_CRLS}.`,
    );
  return blocks.map(({ der }) => der);
}

const takenJson = ({ fleet, generation, list, isPublished, revoked, before, unknown }: ListResult) => ({
  fleet: fleet.name,
  authority: generation.authority,
  generation: generation.number,
  number: list.number,
  thisUpdate: formatInstant(list.thisUpdate),
  revoked,
  revokedBefore: before,
  unknown,
  published: isPublished,
});

async function take(call: Call): Promise<void> {
  const { edge, act, req, res } = call;
  fitQuery(noQuery, req);
  const mediaType = mediaTypeOf(req, CRL_TYPES);
  const taken: ListResult[] = [];
  for (const der of crlsIn(await readCrlOctets(call), mediaType))
    taken.push(await takeList(edge.ca, act, der));
  edge.lists.soon();
  sendJson(res, 200, { crls: taken.map(takenJson) });
}

async function settle(call: Call): Promise<void> {
  const { edge, act, req, res } = call;
  fitQuery(noQuery, req);
  const { reason, withoutCrls } = await readJson(call, settlementSchema);
  const state = await settleRestoration(edge.ca, act, reason, withoutCrls ? 'accept' : 'refuse');
  edge.lists.soon();
  sendJson(res, 200, stateJson(state));
}

const common = { scope: 'service', what: 'restoration' } as const;

export const restorationRoutes: readonly GuardedRoute[] = [
  { ...common, method: 'get', path: '/v1/restoration', permission: 'audit:read', handle: show },
  {
    ...common,
    method: 'post',
    path: '/v1/restoration/settle',
    permission: 'certificate:revoke',
    handle: settle,
  },
  {
    ...common,
    what: 'CRL',
    method: 'post',
    path: '/v1/crls',
    permission: 'certificate:revoke',
    handle: take,
  },
];
