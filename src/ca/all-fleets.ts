import type { CaContext } from './context.ts';
import type { Fleet } from './ledger-records.ts';

const FLEETS_AT_A_TIME = 100;

/** Every fleet of the service, in order of name, page by page. */
export async function* allFleets({ ledger }: Pick<CaContext, 'ledger'>): AsyncGenerator<Fleet> {
  for (let after = ''; ; ) {
    const fleets = await ledger.listFleets(after, FLEETS_AT_A_TIME);
    const last = fleets.at(-1);
    if (!last) return;
    yield* fleets;
    after = last.name;
  }
}
