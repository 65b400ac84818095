import type { Act, Fleet, FleetSettings, FleetTerms, NewFleet } from '../ca/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { fleetExists, noFleet } from './refusals.ts';
import type { Schema } from './schema.ts';
import { build, type Session } from './session.ts';

type FleetRow = Omit<Schema['fleet'], 'id' | 'audit_seq' | 'settings' | 'settings_audit_seq'> & {
  id: number;
  settings: string;
};

const NOTHING_SAID: FleetSettings = {
  hardwareId: null,
  pkcs11Module: null,
  gatewayTrusts: null,
  ostreeServer: null,
};

/** What is said; a setting that nobody gave a value is not written. */
const encodeSettings = (settings: FleetSettings): string =>
  JSON.stringify(Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null)));

export const readFleet = (row: FleetRow): Fleet => ({
  id: row.id,
  name: row.name,
  target: row.target,
  gatewayUrl: row.gateway_url,
  gatewayRoot: row.gateway_root,
  settings: { ...NOTHING_SAID, ...JSON.parse(row.settings) },
  createdAt: new Date(row.created_at),
});

const selectFleet = build
  .selectFrom('fleet')
  .select(['id', 'name', 'target', 'gateway_url', 'gateway_root', 'created_at', 'settings']);

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

/** What the entry of a change says: all of it, as it is from then on. */
export const termsDetails = ({ gatewayUrl, gatewayRoot, settings }: FleetTerms) => ({
  gatewayUrl,
  gatewayRoot,
  settings: encodeSettings(settings),
});

export const isSameTerms = (one: FleetTerms, other: FleetTerms): boolean =>
  JSON.stringify(termsDetails(one)) === JSON.stringify(termsDetails(other));

/** The statement that gives a fleet its terms, of the entry that says so. */
export const updateTerms = (fleetId: number, terms: FleetTerms, auditSeq: number) =>
  build
    .updateTable('fleet')
    .set({
      gateway_url: terms.gatewayUrl,
      gateway_root: terms.gatewayRoot,
      settings: encodeSettings(terms.settings),
      settings_audit_seq: auditSeq,
    })
    .where('id', '=', fleetId);

/** See `Ledger.recordFleetTerms`. */
export function recordFleetTerms(session: Session, act: Act, fleetId: number, terms: FleetTerms): Fleet {
  const fleet = answer(session, findFleetById(fleetId));
  if (!fleet) throw noFleet();
  if (isSameTerms(fleet, terms)) return fleet;
  const details = termsDetails(terms);
  const auditSeq = appendAudit(session, act, { action: 'fleet-changed', fleet: fleet.name, details });
  session.run(updateTerms(fleetId, terms, auditSeq));
  return { ...fleet, ...terms };
}
