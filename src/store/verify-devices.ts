import { type Asking, all, eachRow, first } from './asking.ts';
import { findEntry } from './audit.ts';
import { CHANGE_ACTIONS, changeDetails, seenDetails } from './devices.ts';
import type { Findings } from './findings.ts';
import { build } from './session.ts';
import type { Check } from './verify-revocations.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const changesAfter = (after: number, limit: number) =>
  build
    .selectFrom('device_change as x')
    .innerJoin('device as d', 'd.id', 'x.device')
    .innerJoin('fleet as f', 'f.id', 'd.fleet_id')
    .select(['x.audit_seq', 'x.device', 'x.state', 'x.reason', 'd.device_id', 'f.name'])
    .where('x.audit_seq', '>', after)
    .orderBy('x.audit_seq')
    .limit(limit);

/** Every change of a device has an entry that says the same. */
const verifyChanges = (findings: Findings): Asking<void> =>
  eachRow(
    changesAfter,
    ({ audit_seq }) => audit_seq,
    function* ({ audit_seq: seq, state, reason, device_id, name }) {
      const action = (CHANGE_ACTIONS as Readonly<Record<string, string>>)[state];
      const entry = yield* findings.readAsking(seq, 'the entry', () => findEntry(seq, action ?? ''));
      const told = JSON.stringify(entry?.details) === JSON.stringify(changeDetails(device_id, reason));
      const isSame = told && entry?.fleet === name;
      findings.expect(isSame, seq, `device ${device_id} is ${state} otherwise than its entry says`);
    },
  );

const scrappedAfter = (after: number, limit: number) =>
  build
    .selectFrom('device')
    .select(['id', 'device_id', 'scrapped'])
    .where('id', '>', after)
    .where((is) =>
      is.or([
        is('scrapped', '<>', 0),
        is('id', 'in', is.selectFrom('device_change').select('device').where('device', '>', after)),
      ]),
    )
    .orderBy('id')
    .limit(limit);

/** A device is in the state of its last change; without any, it is not scrapped. */
const verifyStates = (findings: Findings): Asking<void> =>
  eachRow(
    scrappedAfter,
    ({ id }) => id,
    function* ({ id, device_id, scrapped }) {
      const last = yield* first(
        build
          .selectFrom('device_change')
          .select(['audit_seq', 'state'])
          .where('device', '=', id)
          .orderBy('audit_seq', 'desc')
          .limit(1),
      );
      const due = last?.state === 'scrapped' ? 1 : 0;
      const seq = last?.audit_seq ?? null;
      findings.expect(
        scrapped === due,
        seq,
        `device ${device_id} has another state than its last change says`,
      );
    },
  );

const sightingsAfter = (after: number, limit: number) =>
  build
    .selectFrom('sighting as s')
    .innerJoin('certificate as c', 'c.intent_id', 's.intent_id')
    .innerJoin('intent as i', 'i.id', 's.intent_id')
    .innerJoin('device as d', 'd.id', 'i.device')
    .innerJoin('audit as a', 'a.seq', 's.audit_seq')
    .select(['s.intent_id', 's.seen_at', 's.audit_seq', 'c.fingerprint', 'd.device_id', 'a.at'])
    .where('s.intent_id', '>', after)
    .orderBy('s.intent_id')
    .limit(limit);

/** Every sighting has an entry that says the same. */
const verifySightings = (findings: Findings): Asking<void> =>
  eachRow(
    sightingsAfter,
    ({ intent_id }) => intent_id,
    function* ({ audit_seq: seq, fingerprint, device_id, seen_at, at }) {
      const entry = yield* findings.readAsking(seq, 'the entry', () => findEntry(seq, 'certificate-seen'));
      const due = seenDetails({ fingerprint, deviceId: device_id });
      const told = JSON.stringify(entry?.details) === JSON.stringify(due) && seen_at === Date.parse(at);
      findings.expect(told, seq, `certificate ${hex(fingerprint)} was seen otherwise than its entry says`);
    },
  );

/** Devices are in the state that entries say, and certificates were seen when they say. */
export function* verifyDevices(findings: Findings): Asking<void> {
  yield* verifyChanges(findings);
  yield* verifyStates(findings);
  yield* verifySightings(findings);
}

const checkChanged: Check = function* ({ seq }, findings) {
  const row = yield* first(
    build.selectFrom('device_change').select('audit_seq').where('audit_seq', '=', seq),
  );
  findings.expect(row !== undefined, seq, 'the entry tells of a change of a device that is not there');
};

const checkSeen: Check = function* ({ seq, details }, findings) {
  const [row] = yield* all(
    build
      .selectFrom('certificate as c')
      .innerJoin('sighting as s', 's.intent_id', 'c.intent_id')
      .select('s.audit_seq')
      .where('c.fingerprint', '=', Buffer.from(String(details.certificate), 'hex')),
  );
  findings.expect(row?.audit_seq === seq, seq, 'the entry says that a certificate was seen, and it was not');
};

/** What the ledger must hold for an entry, by its action. */
export const DEVICE_CHECKS: Readonly<Record<string, Check>> = {
  [CHANGE_ACTIONS.scrapped]: checkChanged,
  [CHANGE_ACTIONS.active]: checkChanged,
  'certificate-seen': checkSeen,
};
