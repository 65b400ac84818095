import type { Act, Fleet, NewFleet } from '../ca/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { fleetExists } from './refusals.ts';
import type { Schema } from './schema.ts';
import { build, type Session } from './session.ts';

type FleetRow = Omit<Schema['fleet'], 'id' | 'audit_seq'> & { id: number };

const readFleet = (row: FleetRow): Fleet => ({
  id: row.id,
  name: row.name,
  target: row.target,
  gatewayUrl: row.gateway_url,
  gatewayRoot: row.gateway_root,
  createdAt: new Date(row.created_at),
});

const selectFleet = build
  .selectFrom('fleet')
  .select(['id', 'name', 'target', 'gateway_url', 'gateway_root', 'created_at']);

export function* findFleet(name: string): Asking<Fleet | undefined> {
  const row = yield* first(selectFleet.where('name', '=', name));
  return row && readFleet(row);
}

export function* findFleetById(id: number): Asking<Fleet | undefined> {
  const row = yield* first(selectFleet.where('id', '=', id));
  return row && readFleet(row);
}

export function* listFleets(after: string, limit: number): Asking<readonly Fleet[]> {
  const rows = yield* all(selectFleet.where('name', '>', after).orderBy('name').limit(limit));
  return rows.map(readFleet);
}

/** The name of a fleet that is known to exist. */
export function fleetName(session: Session, fleetId: number): string {
  const row = session.first(build.selectFrom('fleet').select('name').where('id', '=', fleetId));
  if (!row) throw new Error(`there is no fleet ${fleetId}`);
  return row.name;
}

export function createFleet(session: Session, act: Act, fleet: NewFleet): Fleet {
  if (answer(session, findFleet(fleet.name))) {
    throw fleetExists(fleet.name);
  }
  const { name, target, gatewayUrl, gatewayRoot } = fleet;
  const details = { name, target, gatewayUrl, gatewayRoot };
  const audit_seq = appendAudit(session, act, { action: 'fleet-created', fleet: name, details });
  session.run(
    build.insertInto('fleet').values({
      name,
      target,
      gateway_url: gatewayUrl,
      gateway_root: gatewayRoot,
      created_at: act.at.getTime(),
      audit_seq,
    }),
  );
  return answer(session, findFleet(name)) as Fleet;
}
