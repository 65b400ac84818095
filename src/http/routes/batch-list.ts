import { z } from 'zod';
import type { BatchEntry, BatchSearch } from '../../batch/index.ts';
import type { Fleet } from '../../ca/index.ts';
import { isAllowed, notFound } from '../../enrollment/index.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant, formatInstantOrNull } from '../instant.ts';
import { nameSchema } from '../names.ts';
import { fitQuery, wholeNumber } from '../query.ts';
import { collectPage, type ReadSlice } from '../search-pages.ts';
import { sendJson } from '../web.ts';

const listQuery = z.strictObject({
  fleet: nameSchema.optional(),
  token: z
    .string()
    .regex(/^[0-9a-f]{16}$/, "must be a token's id")
    .optional(),
  state: z.enum(['receiving', 'complete', 'interrupted']).optional(),
  after: wholeNumber(1).optional(),
  limit: wholeNumber(1, 1000).default(100),
});

/** Rows a second from the attempt's begin to its last outcome; null where there is no time between them. */
function rateOf({ rows, startedAt, changedAt }: BatchEntry['last']): number | null {
  const seconds = (changedAt.getTime() - startedAt.getTime()) / 1000;
  return seconds > 0 ? Math.round((10 * rows) / seconds) / 10 : null;
}

const entryJson = ({ id, tokenId, profile, authority, createdAt, last }: BatchEntry, fleet: string) => ({
  id,
  fleet,
  token: tokenId,
  profile,
  authority,
  createdAt: formatInstant(createdAt),
  state: last.state,
  attempt: last.number,
  rows: last.rows,
  issued: last.issued,
  replayed: last.replayed,
  refused: last.refused,
  failed: last.failed,
  startedAt: formatInstant(last.startedAt),
  changedAt: formatInstant(last.changedAt),
  endedAt: formatInstantOrNull(last.endedAt),
  rowsPerSecond: rateOf(last),
});

/** The fleet whose batches are to be seen; undefined: all. Refuses `not-found`: not there, or not the requester's. */
async function fleetOf({ edge, requester }: Call, named: string | undefined): Promise<Fleet | undefined> {
  const name = named ?? requester.fleet ?? undefined;
  if (name === undefined) return undefined;
  const fleet = await edge.ca.ledger.findFleet(name);
  if (fleet && isAllowed(requester, 'batch:read', fleet.name)) return fleet;
  throw notFound('fleet', requester.role);
}

/** Names of fleets by their numbers, each looked up once. */
function fleetNames({ edge }: Call): (id: number) => Promise<string> {
  const names = new Map<number, string>();
  return async (id) => {
    const name = names.get(id) ?? (await edge.ca.ledger.findFleetById(id))?.name ?? '';
    names.set(id, name);
    return name;
  };
}

async function listBatches(call: Call): Promise<void> {
  const { after, limit, ...wish } = fitQuery(listQuery, call.req);
  const fleet = await fleetOf(call, wish.fleet);
  const search: BatchSearch = {
    fleetId: fleet?.id ?? null,
    tokenId: wish.token ?? null,
    state: wish.state ?? null,
  };
  const read: ReadSlice<BatchEntry> = async (before, most) => {
    const { batches, next } = await call.edge.batches.listBatches(search, before, most);
    return { items: batches, next };
  };
  const { items, next } = await collectPage(read, after ?? Number.MAX_SAFE_INTEGER, limit);
  const nameOf = fleetNames(call);
  const entries = await Promise.all(
    items.map(async (batch) => entryJson(batch, await nameOf(batch.fleetId))),
  );
  sendJson(call.res, 200, { items: entries, next: next === null ? null : String(next) });
}

export const batchListRoutes: readonly GuardedRoute[] = [
  {
    method: 'get',
    path: '/v1/batches',
    permission: 'batch:read',
    scope: 'record',
    what: 'list of batches',
    handle: listBatches,
  },
];
