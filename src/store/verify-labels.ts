import { type Asking, all, eachPage, first } from './asking.ts';
import type { Findings } from './findings.ts';
import { build } from './session.ts';

const labelledAfter = (after: number, limit: number) =>
  build
    .selectFrom('intent as i')
    .innerJoin('intent_chunk as k', 'k.id', 'i.chunk_id')
    .select(['i.id', 'i.labels', 'k.fleet_id', 'k.audit_seq'])
    .where('i.labels', 'is not', null)
    .where('i.id', '>', after)
    .orderBy('i.id')
    .limit(limit);

type Labelled = Awaited<ReturnType<ReturnType<typeof labelledAfter>['execute']>>[number];

/** A label of a fleet, and the intents of a page that have it. */
interface Label {
  readonly fleet: number;
  readonly name: string;
  readonly value: string;
  readonly intents: Map<number, Labelled>;
}

/** The labels of a page of intents, each once. */
function gather(page: readonly Labelled[], findings: Findings): readonly Label[] {
  const labels = new Map<string, Label>();
  for (const row of page) {
    const fleet = row.fleet_id ?? 0;
    const read = () => Object.entries<string>(JSON.parse(row.labels ?? '{}'));
    for (const [name, value] of findings.read(row.audit_seq, `intent ${row.id}'s labels`, read) ?? []) {
      const key = JSON.stringify([fleet, name, value]);
      const label = labels.get(key) ?? { fleet, name, value, intents: new Map() };
      labels.set(key, label);
      label.intents.set(row.id, row);
    }
  }
  return [...labels.values()];
}

/** The intents among a page's that are found by a label are those that have it. */
function* verifyLabel(
  { fleet, name, value, intents }: Label,
  from: number,
  to: number,
  findings: Findings,
): Asking<void> {
  const rows = yield* all(
    build
      .selectFrom('intent_label')
      .select('intent_id')
      .where('fleet_id', '=', fleet)
      .where('name', '=', name)
      .where('value', '=', value)
      .where('intent_id', '>=', from)
      .where('intent_id', '<=', to),
  );
  const found = new Set(rows.map(({ intent_id }) => intent_id));
  for (const [id, { audit_seq }] of intents) {
    findings.expect(found.has(id), audit_seq, `intent ${id} is not found by its label ${name}`);
  }
}

/**
 * Every intent is found by its labels, and by no others: as many rows as labels, and one for each, leaves
 * none over.
 */
export function* verifyLabels(findings: Findings): Asking<void> {
  let due = 0;
  yield* eachPage(
    labelledAfter,
    ({ id }) => id,
    function* (page) {
      const [from, to] = [page[0]?.id ?? 0, page.at(-1)?.id ?? 0];
      for (const label of gather(page, findings)) {
        due += label.intents.size;
        yield* verifyLabel(label, from, to, findings);
      }
    },
  );
  const counted = build.selectFrom('intent_label').select((is) => is.fn.countAll<number>().as('rows'));
  const rows = (yield* first(counted))?.rows ?? 0;
  findings.expect(rows === due, null, `there are ${rows} rows of labels to find intents by, ${due} are due`);
}
