import {
  type Acknowledgement,
  type AcknowledgementOrder,
  type Act,
  type AuditEntry,
  type GatewayState,
  type Generation,
  getMember,
  isInBundle,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { type Asking, all, first } from './asking.ts';
import { readAuditRow } from './audit.ts';
import type { Findings } from './findings.ts';
import { listGenerations } from './generations.ts';
import type { Planned } from './planned.ts';
import { build } from './session.ts';
import type { Check } from './verify-revocations.ts';

const serversOf = (fleetId: number) =>
  build.selectFrom('server').select(['id', 'name', 'kind']).where('fleet_id', '=', fleetId).orderBy('name');

/**
 * Who has to have a generation before it issues: the fleet's gateway, and servers that read the trust bundle; of a
 * root all servers. Those of clouds and accounts know roots alone.
 */
function* awaitedOf({ fleetId, kind }: Generation): Asking<readonly string[]> {
  if (kind === 'registration') return [];
  const fleet = yield* first(build.selectFrom('fleet').select('gateway_url').where('id', '=', fleetId));
  const servers = yield* all(serversOf(fleetId));
  const due = servers.filter((one) => kind === 'root' || one.kind === 'ota-ce');
  const gateway = fleet?.gateway_url ? [new URL(fleet.gateway_url).host] : [];
  return [...new Set([...gateway, ...due.map(({ name }) => name)])];
}

const acknowledgementsOf = (generationId: number, since: Date) =>
  build
    .selectFrom('acknowledgement')
    .selectAll()
    .where('generation_id', '=', generationId)
    // What was said before it was rolled back, and published again, was said of another bundle.
    .where('acknowledged_at', '>=', since.getTime());

/** Servers where a person has said that devices under the root are taken. */
const confirmedAt = (generationId: number) =>
  build
    .selectFrom('server_root as r')
    .innerJoin('server as s', 's.id', 'r.server_id')
    .select(['s.name', 'r.note', 'r.changed_at', 'r.changed_by'])
    .where('r.generation_id', '=', generationId)
    .where('r.state', '=', 'confirmed');

/** Who has a generation that is in the bundle since a time, and who is awaited. */
export function* gatewayStates(generation: Generation, since: Date): Asking<readonly GatewayState[]> {
  const said = new Map<string, Acknowledgement>();
  for (const row of yield* all(confirmedAt(generation.id))) {
    const word = row.note ?? 'confirmed';
    said.set(row.name, { way: 'word', word, at: new Date(row.changed_at), by: row.changed_by });
  }
  for (const row of yield* all(acknowledgementsOf(generation.id, since))) {
    const { way, word, acknowledged_at: at, acknowledged_by: by } = row;
    said.set(row.gateway, { way: way as Acknowledgement['way'], word, at: new Date(at), by });
  }
  const due = yield* awaitedOf(generation);
  return due.map((gateway) => ({ gateway, acknowledged: said.get(gateway) ?? null }));
}

/** What the entry of an acknowledgement says; the verifier compares it with the row. */
const acknowledgementDetails = (
  generationId: number,
  { authority, number, gateway, way, word }: AcknowledgementOrder,
) => ({ authority, generation: number, id: generationId, gateway, way, word });

/** See `RotationLedger.acknowledgeGeneration`. */
export function* planAcknowledgement(act: Act, order: AcknowledgementOrder): Asking<Planned<void>> {
  const { fleetId, gateway, way, word } = order;
  const member = getMember(yield* listGenerations(fleetId), order);
  if (!isInBundle(member)) {
    const message = `${order.authority}, generation ${order.number}, is ${member.state}: no gateway can have it from the trust bundle.`;
    throw new PkiError('rotation-refused', message);
  }
  const due = yield* awaitedOf(member);
  if (!due.includes(gateway)) {
    const known = due.length === 0 ? 'it has none' : due.join(', ');
    throw new PkiError('not-found', `The fleet has no gateway ${gateway} that is waited for: ${known}.`);
  }
  const fleet = yield* first(build.selectFrom('fleet').select('name').where('id', '=', fleetId));
  const details = acknowledgementDetails(member.id, order);
  return {
    entry: { action: 'generation-acknowledged', fleet: fleet?.name ?? null, details },
    *write(auditSeq) {
      const says = {
        way,
        word,
        acknowledged_at: act.at.getTime(),
        acknowledged_by: act.actor.id,
        audit_seq: auditSeq,
      };
      yield* all(
        build
          .insertInto('acknowledgement')
          .values({ generation_id: member.id, gateway, ...says })
          .onConflict((conflict) => conflict.columns(['generation_id', 'gateway']).doUpdateSet(says))
          .returning('gateway'),
      );
    },
  };
}

/** Each acknowledgement is what an entry says, who said it and when. */
export function* verifyAcknowledgements(findings: Findings): Asking<void> {
  const rows = yield* all(build.selectFrom('acknowledgement').selectAll().orderBy('audit_seq'));
  for (const row of rows) {
    const { audit_seq: seq, generation_id: id, gateway, way, word } = row;
    const entry = yield* first(build.selectFrom('audit').selectAll().where('seq', '=', seq));
    const read = entry && findings.read(seq, 'the entry', () => readAuditRow(entry));
    const details: AuditEntry['details'] = read?.details ?? {};
    const told =
      read?.action === 'generation-acknowledged' &&
      [details.id, details.gateway, details.way, details.word].join('\n') ===
        [id, gateway, way, word].join('\n') &&
      read.actor.id === row.acknowledged_by &&
      Date.parse(read.at) === row.acknowledged_at;
    findings.expect(told, seq, `${gateway} acknowledged a generation otherwise than its entry says`);
  }
}

const checkAcknowledged: Check = function* ({ seq, details }, findings) {
  const row = yield* first(
    build
      .selectFrom('acknowledgement')
      .select('audit_seq')
      .where('generation_id', '=', Number(details.id))
      .where('gateway', '=', String(details.gateway)),
  );
  // A later word has taken the place of this one.
  findings.expect(
    row !== undefined && row.audit_seq >= seq,
    seq,
    'the entry tells of an acknowledgement that is not there',
  );
};

/** What the ledger must hold for an entry, by its action. */
export const ACKNOWLEDGEMENT_CHECKS: Readonly<Record<string, Check>> = {
  'generation-acknowledged': checkAcknowledged,
};
