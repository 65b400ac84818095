import type { AuditEntry } from '../ca/index.ts';
import { type Asking, all, first } from './asking.ts';
import { findEntry } from './audit.ts';
import type { Findings } from './findings.ts';
import { rootDetails } from './servers.ts';
import { build } from './session.ts';

type Check = (entry: AuditEntry, findings: Findings) => Asking<void>;

/** Every server, and all that is said of roots there, has an entry that says the same. */
export function* verifyServerRows(findings: Findings): Asking<void> {
  const servers = yield* all(
    build
      .selectFrom('server as s')
      .innerJoin('fleet as f', 'f.id', 's.fleet_id')
      .selectAll('s')
      .select('f.name as fleet'),
  );
  for (const { id, name, kind, fleet, audit_seq: seq } of servers) {
    const entry = yield* findings.readAsking(seq, 'the entry', () => findEntry(seq, 'server-added'));
    const same = entry?.fleet === fleet && JSON.stringify(entry.details) === JSON.stringify({ name, kind });
    findings.expect(same, seq, `the server ${name} is not what its entry says`);
    for (const root of yield* all(build.selectFrom('server_root').selectAll().where('server_id', '=', id))) {
      const at = root.audit_seq;
      const told = yield* findings.readAsking(at, 'the entry', () => findEntry(at, 'server-root-recorded'));
      const holds =
        told?.fleet === fleet &&
        JSON.stringify(told.details) === JSON.stringify(rootDetails(name, root)) &&
        told.actor.id === root.changed_by &&
        Date.parse(told.at) === root.changed_at;
      findings.expect(holds, at, `what is said of a root at the server ${name} is not what was recorded`);
    }
  }
}

const serverOf = ({ fleet, details }: AuditEntry, name: 'name' | 'server') =>
  first(
    build
      .selectFrom('server as s')
      .innerJoin('fleet as f', 'f.id', 's.fleet_id')
      .select(['s.id', 's.audit_seq'])
      .where('f.name', '=', String(fleet))
      .where('s.name', '=', String(details[name])),
  );

const checkServer: Check = function* (entry, findings) {
  const row = yield* serverOf(entry, 'name');
  findings.expect(row?.audit_seq === entry.seq, entry.seq, 'the entry tells of a server that is not there');
};

/** The row is held to its last change; what matters here is that none after it went missing. */
const checkRoot: Check = function* (entry, findings) {
  const server = yield* serverOf(entry, 'server');
  const row = yield* first(
    build
      .selectFrom('server_root')
      .select('audit_seq')
      .where('server_id', '=', server?.id ?? 0)
      .where('generation_id', '=', Number(entry.details.generation)),
  );
  const last = row?.audit_seq ?? 0;
  findings.expect(
    last >= entry.seq,
    entry.seq,
    'the entry tells of a root at a server, and the server does not',
  );
};

/** What the ledger must hold for an entry, by its action. A signature for a server leaves nothing but its entry. */
export const SERVER_CHECKS: Readonly<Record<string, Check>> = {
  'server-added': checkServer,
  'server-root-recorded': checkRoot,
};
