import { z } from 'zod';
import {
  type GenerationForecast,
  REHEARSED_STEPS,
  type Rehearsal,
  readForecast,
  rehearse,
  type StateChange,
} from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant, formatInstantOrNull } from '../instant.ts';
import { getFleet, NAME } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

export const rehearsalQuery = z.strictObject({ step: z.enum(REHEARSED_STEPS) });

const GENERATION = /^[1-9][0-9]{0,8}$/;

const authorityForecast = (one: GenerationForecast) => ({
  authority: one.generation.authority,
  kind: one.generation.kind,
  generation: one.generation.number,
  state: one.generation.state,
  notAfter: formatInstant(one.notAfter),
  certificates: one.certificates,
  atItsEnd: one.atItsEnd,
  latestStart: formatInstantOrNull(one.latestStart),
  urgency: one.urgency,
  ifNobody: one.ifNobody.map(({ at, what }) => ({ at: formatInstant(at), what })),
});

async function showForecast(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act, res } = call;
  const fleet = await getFleet(call);
  const { at, lifetimeDays, months, later, authorities } = await readForecast(
    edge.ca,
    fleet,
    edge.rotation,
    act.at,
  );
  sendJson(res, 200, {
    fleet: fleet.name,
    at: formatInstant(at),
    lifetimeDays,
    months,
    later,
    authorities: authorities.map(authorityForecast),
  });
}

const rehearsalJson = (fleet: string, numberOf: (change: StateChange) => number, one: Rehearsal) => ({
  fleet,
  authority: one.generation.authority,
  generation: one.generation.number,
  step: one.step,
  verdict: one.verdict,
  changes: one.changes.map((change) => ({
    generation: numberOf(change),
    from: change.from,
    to: change.to,
  })),
  certificates: one.certificates,
  outliving: one.outliving,
  servers: one.servers,
  missingLinks: one.missingLinks,
  tokenDevices: one.tokenDevices,
  daysToLatestStart: one.daysToLatestStart,
  findings: one.findings,
});

async function showRehearsal(call: Call): Promise<void> {
  const { step } = fitQuery(rehearsalQuery, call.req);
  const { edge, act, req, res, requester } = call;
  const fleet = await getFleet(call);
  const [authority, number] = [pathParameter(req, 'authority'), pathParameter(req, 'generation')];
  if (!NAME.test(authority) || !GENERATION.test(number)) throw notFound('generation', requester.role);
  const wish = { authority, number: Number(number), step };
  const rehearsal = await rehearse(edge.ca, fleet, wish, edge.rotation, act.at);
  const line = await edge.ca.ledger.listGenerations(fleet.id);
  const numberOf = ({ id }: StateChange): number => line.find((one) => one.id === id)?.number ?? 0;
  sendJson(res, 200, rehearsalJson(fleet.name, numberOf, rehearsal));
}

const common = { scope: 'fleet', what: 'fleet', method: 'get', permission: 'authority:read' } as const;

export const forecastRoutes: readonly GuardedRoute[] = [
  { ...common, path: '/v1/fleets/:fleet/forecast', handle: showForecast },
  {
    ...common,
    path: '/v1/fleets/:fleet/authorities/:authority/generations/:generation/rehearsal',
    handle: showRehearsal,
  },
];
