import type { Selectable } from 'kysely';
import type { Act, NewServer, PossessionIntent, Server, ServerRoot } from '../ca/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { type AuditContent, appendAudit } from './audit.ts';
import { serverExists } from './refusals.ts';
import type { Schema } from './schema.ts';
import { build, type Session } from './session.ts';
import { verifyClock } from './verify-clock.ts';

type ServerRow = Selectable<Schema['server']>;
type RootRow = Selectable<Schema['server_root']>;
type Said = Pick<ServerRoot, 'state' | 'note'>;

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const readRoot = (row: RootRow): ServerRoot => ({
  generationId: row.generation_id,
  state: row.state as ServerRoot['state'],
  note: row.note,
  changedAt: new Date(row.changed_at),
  changedBy: row.changed_by,
});

const rootsOf = (serverId: number) =>
  build.selectFrom('server_root').selectAll().where('server_id', '=', serverId).orderBy('generation_id');

function* readServer(row: ServerRow): Asking<Server> {
  const roots = yield* all(rootsOf(row.id));
  return {
    id: row.id,
    fleetId: row.fleet_id,
    name: row.name,
    kind: row.kind as Server['kind'],
    createdAt: new Date(row.created_at),
    roots: roots.map(readRoot),
  };
}

export function* findServer(fleetId: number, name: string): Asking<Server | undefined> {
  const named = build.selectFrom('server').selectAll().where('fleet_id', '=', fleetId);
  const row = yield* first(named.where('name', '=', name));
  return row && (yield* readServer(row));
}

export function* listServers(fleetId: number, after: string, limit: number): Asking<readonly Server[]> {
  const rows = yield* all(
    build
      .selectFrom('server')
      .selectAll()
      .where('fleet_id', '=', fleetId)
      .where('name', '>', after)
      .orderBy('name')
      .limit(limit),
  );
  const servers: Server[] = [];
  for (const row of rows) servers.push(yield* readServer(row));
  return servers;
}

/** The names by which the audit log tells of a server. */
function* namesOf(serverId: number): Asking<{ readonly fleet: string; readonly server: string }> {
  const row = yield* first(
    build
      .selectFrom('server as s')
      .innerJoin('fleet as f', 'f.id', 's.fleet_id')
      .select(['s.name as server', 'f.name as fleet'])
      .where('s.id', '=', serverId),
  );
  if (!row) throw new Error(`there is no server ${serverId}`);
  return row;
}

/** The entry of a new server. Refuses `already-exists`. */
export function* serverAdded({ fleetId, name, kind }: NewServer): Asking<AuditContent> {
  if (yield* findServer(fleetId, name)) throw serverExists(name);
  const fleet = yield* first(build.selectFrom('fleet').select('name').where('id', '=', fleetId));
  if (!fleet) throw new Error(`there is no fleet ${fleetId}`);
  return { action: 'server-added', fleet: fleet.name, details: { name, kind } };
}

export const insertServer = (act: Act, { fleetId, name, kind }: NewServer, auditSeq: number) =>
  build
    .insertInto('server')
    .values({ fleet_id: fleetId, name, kind, created_at: act.at.getTime(), audit_seq: auditSeq });

const rootOf = (serverId: number, generationId: number) =>
  rootsOf(serverId).where('generation_id', '=', generationId);

/** The entry of what is about to be signed, and of the root that it makes `prepared`, if it does. */
export function* possessionIntended(intent: PossessionIntent): Asking<{
  readonly entry: AuditContent;
  readonly prepares: boolean;
}> {
  const { serverId, generationId, form, code, serial, digest } = intent;
  const { fleet, server } = yield* namesOf(serverId);
  const known = yield* first(rootOf(serverId, generationId));
  const details = {
    server,
    generation: generationId,
    form,
    code,
    serial: serial && hex(serial),
    digest: hex(digest),
  };
  return {
    entry: { action: 'possession-intent-recorded', fleet, details },
    prepares: known === undefined,
  };
}

/** What the entry of a root's state says; the verifier compares it with the row. */
export const rootDetails = (server: string, row: Pick<RootRow, 'generation_id' | 'state' | 'note'>) => ({
  server,
  generation: row.generation_id,
  state: row.state,
  note: row.note,
});

/** The entry of what is said of a root; undefined where it was said before. */
export function* rootStateSaid(
  serverId: number,
  generationId: number,
  { state, note }: Said,
): Asking<AuditContent | undefined> {
  const { fleet, server } = yield* namesOf(serverId);
  const known = yield* first(rootOf(serverId, generationId));
  if (known?.state === state && known.note === note) return undefined;
  const details = rootDetails(server, { generation_id: generationId, state, note });
  return { action: 'server-root-recorded', fleet, details };
}

export function putRoot(act: Act, serverId: number, generationId: number, said: Said, auditSeq: number) {
  const { state, note } = said;
  const says = {
    state,
    note,
    changed_at: act.at.getTime(),
    changed_by: act.actor.id,
    audit_seq: auditSeq,
  };
  return build
    .insertInto('server_root')
    .values({ server_id: serverId, generation_id: generationId, ...says })
    .onConflict((conflict) => conflict.columns(['server_id', 'generation_id']).doUpdateSet(says));
}

/** What a signed proof makes of a root that nothing was said of. */
export const PREPARED: Said = { state: 'prepared', note: null };

export function recordServer(session: Session, act: Act, server: NewServer): Server {
  const auditSeq = appendAudit(session, act, answer(session, serverAdded(server)));
  session.run(insertServer(act, server, auditSeq));
  return answer(session, findServer(server.fleetId, server.name)) as Server;
}

export function recordRootState(
  session: Session,
  act: Act,
  serverId: number,
  generationId: number,
  said: Said,
): void {
  const entry = answer(session, rootStateSaid(serverId, generationId, said));
  if (entry) session.run(putRoot(act, serverId, generationId, said, appendAudit(session, act, entry)));
}

export function recordPossessionIntent(session: Session, act: Act, intent: PossessionIntent): void {
  verifyClock(session, act.at);
  const { entry, prepares } = answer(session, possessionIntended(intent));
  appendAudit(session, act, entry);
  if (prepares) recordRootState(session, act, intent.serverId, intent.generationId, PREPARED);
}
