import { z } from 'zod';
import {
  countStanding,
  declareCompromised,
  type Fleet,
  type Generation,
  getMember,
  isInBundle,
  type Standing,
  standingUnderIt,
  WITHDRAWALS,
} from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { authorityJson, withWarnings } from '../authority-json.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant } from '../instant.ts';
import { type CsvColumns, negotiateList, pageLimit, streamList } from '../list-forms.ts';
import { authorityIn, generationIn, getFleet, reasonSchema } from '../names.ts';
import { fitQuery, noQuery, wholeNumber } from '../query.ts';
import { collectPage, eachPage, type ReadSlice } from '../search-pages.ts';
import { sendJson } from '../web.ts';

export const compromiseSchema = z.strictObject({
  reason: reasonSchema,
  withdrawal: z.enum(WITHDRAWALS).default('after-re-issue'),
  /** How many devices whoever decides is ready to cut off. */
  cutsOff: z.int().min(0),
});

const reissueQuery = z.strictObject({
  after: z
    .string()
    .regex(/^(?:[0-9]{1,16}\.[0-9]{1,16}\.[0-9]{1,16})?$/)
    .default(''),
  limit: wholeNumber(1).optional(),
});

interface OfMember {
  readonly fleet: Fleet;
  readonly generations: readonly Generation[];
  readonly member: Generation;
}

/** The generation that the path names. Refuses `not-found`. */
async function getOne(call: Call): Promise<OfMember> {
  const fleet = await getFleet(call);
  const [authority, number] = [authorityIn(call), generationIn(call)];
  const generations = await call.edge.ca.ledger.listGenerations(fleet.id);
  if (!generations.some((one) => one.authority === authority && one.number === number))
    throw notFound('generation', call.requester.role);
  return { fleet, generations, member: getMember(generations, { authority, number }) };
}

async function preview(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { generations, member } = await getOne(call);
  const query = standingUnderIt(generations, member, call.act.at);
  const { awaited, reissued } = await countStanding(call.edge.ca, query);
  sendJson(call.res, 200, {
    authority: member.authority,
    generation: member.number,
    state: member.state,
    inTrustBundle: isInBundle(member),
    cutsOff: awaited,
    reissued,
  });
}

async function declare(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act, res } = call;
  const { fleet, member } = await getOne(call);
  const { reason, withdrawal, cutsOff } = await readJson(call, compromiseSchema);
  const { authority, number } = member;
  const wish = { authority, number, reason, withdrawal, confirmed: cutsOff };
  const marked = await declareCompromised(edge.ca, act, fleet, wish);
  // That its parent has revoked it is published with the answer.
  await edge.lists.look(fleet);
  sendJson(
    res,
    200,
    authorityJson(withWarnings(marked, fleet), await edge.ca.ledger.listGenerations(fleet.id)),
  );
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

function standingJson({ successor, ...one }: Standing, generations: readonly Generation[]) {
  const issuer = generations.find(({ id }) => id === one.issuerId);
  if (!issuer) throw new Error('the issuer of a certificate is not in its fleet');
  return {
    deviceId: one.deviceId,
    profile: one.profile,
    state: successor === null ? 'awaited' : 're-issued',
    authority: { authority: issuer.authority, generation: issuer.number },
    certificate: hex(one.fingerprint),
    serial: hex(one.serial),
    notAfter: formatInstant(one.notAfter),
    successor: successor === null ? null : hex(successor),
  };
}

type Entry = ReturnType<typeof standingJson>;

const COLUMNS: CsvColumns<Entry> = {
  names: [
    ...['deviceId', 'profile', 'state', 'authority', 'generation', 'certificate', 'serial', 'notAfter'],
    'successor',
  ],
  cells: ({ deviceId, profile, state, authority, certificate, serial, notAfter, successor }) => [
    ...[deviceId, profile, state, authority.authority, authority.generation],
    ...[certificate, serial, notAfter, successor],
  ],
};

/** Device by device, what stands under a generation: a page of JSON, or all of it as NDJSON or CSV. */
async function listReissue(call: Call): Promise<void> {
  const { edge, req, res, act } = call;
  const { after, limit } = fitQuery(reissueQuery, req);
  const { generations, member } = await getOne(call);
  const form = negotiateList(req, res);
  const query = standingUnderIt(generations, member, act.at);
  const read: ReadSlice<Entry, string> = async (from, most) => {
    const { standing, next } = await edge.ca.rotation.listStanding(query, from, most);
    return { items: standing.map((one) => standingJson(one, generations)), next };
  };
  if (form !== 'application/json') {
    await streamList(res, form, eachPage(read, after, limit ?? Number.MAX_SAFE_INTEGER), COLUMNS);
    return;
  }
  sendJson(res, 200, await collectPage(read, after, pageLimit(limit)));
}

const path = '/v1/fleets/:fleet/authorities/:authority/generations/:generation';
const common = { scope: 'fleet', what: 'fleet' } as const;
const read = { ...common, method: 'get', permission: 'authority:read' } as const;

export const compromiseRoutes: readonly GuardedRoute[] = [
  { ...read, path: `${path}/compromise`, handle: preview },
  { ...common, method: 'post', path: `${path}/compromise`, permission: 'authority:create', handle: declare },
  { ...read, path: `${path}/re-issue`, handle: listReissue },
];
