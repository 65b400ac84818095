import type { AuditEntry } from '../ca/index.ts';
import type { Destination } from '../outgoing/index.ts';
import { type Asking, all, first } from './asking.ts';
import { readAuditRow } from './audit.ts';
import { destinationEntry } from './destinations.ts';
import type { Findings } from './findings.ts';
import { build } from './session.ts';

type Check = (entry: AuditEntry, findings: Findings) => Asking<void>;

function* entryOf(seq: number): Asking<AuditEntry | undefined> {
  const row = yield* first(build.selectFrom('audit').selectAll().where('seq', '=', seq));
  return row && readAuditRow(row);
}

/** Every destination is what its entry says, and one that is ended was ended by an entry. */
export function* verifyDestinationRows(findings: Findings): Asking<void> {
  const rows = yield* all(
    build
      .selectFrom('destination as t')
      .innerJoin('fleet as f', 'f.id', 't.fleet_id')
      .selectAll('t')
      .select('f.name as fleet'),
  );
  for (const row of rows) {
    const { audit_seq: seq, removed_audit_seq: ended, fleet, name } = row;
    const same = yield* findings.readAsking(seq, 'the destination, or its entry,', function* () {
      const due = destinationEntry(fleet, {
        ...row,
        kind: row.kind as Destination['kind'],
        settings: JSON.parse(row.settings),
      });
      const said = yield* entryOf(seq);
      return (
        said?.action === due.action &&
        said.fleet === due.fleet &&
        JSON.stringify(said.details) === JSON.stringify(due.details)
      );
    });
    findings.expect(same === true, seq, `the destination ${name} is not what its entry says`);
    if (ended === null) continue;
    const end = yield* findings.readAsking(ended, 'the entry', () => entryOf(ended));
    const was = end?.fleet === fleet && [`${row.kind}-removed`, 'registry-set'].includes(end.action);
    findings.expect(was, ended, `no entry tells of the end of the destination ${name}`);
  }
}

const destinationOf = ({ details }: AuditEntry) =>
  first(
    build
      .selectFrom('destination')
      .select(['audit_seq', 'removed_audit_seq'])
      .where('id', '=', String(details.id)),
  );

/** The row is held to its last change; what matters here is that none after it went missing. */
const checkDestination: Check = function* (entry, findings) {
  const last = (yield* destinationOf(entry))?.audit_seq ?? 0;
  findings.expect(
    last >= entry.seq,
    entry.seq,
    'the entry tells of a destination, or of its change, and there is none',
  );
};

const checkRemoved: Check = function* (entry, findings) {
  const ended = (yield* destinationOf(entry))?.removed_audit_seq === entry.seq;
  findings.expect(ended, entry.seq, 'the entry says that a destination was ended, and it is not');
};

/** What the ledger must hold for an entry, by its action. How far a destination was told is in no entry. */
export const DESTINATION_CHECKS: Readonly<Record<string, Check>> = {
  'registry-set': checkDestination,
  'webhook-created': checkDestination,
  'registry-removed': checkRemoved,
  'webhook-removed': checkRemoved,
};
