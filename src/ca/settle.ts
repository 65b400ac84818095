import { PkiError } from '../errors.ts';
import type { CaContext } from './context.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';
import type { GivenList, Restoration } from './restoration-ports.ts';
import { hasLists } from './revocation-list.ts';

/** An authority that may have published CRLs since the copy was made, and what was taken in of them. */
export interface ListPublisher {
  readonly fleet: Fleet;
  readonly generation: Generation;
  /** The highest number on record, also of a CRL that was taken in. */
  readonly lastNumber: number;
  /** Of what was taken in since the copy was put back, the newest; null: nothing. */
  readonly taken: GivenList | null;
}

export interface RestorationState {
  readonly restoration: Restoration;
  readonly publishers: readonly ListPublisher[];
}

const FLEETS_AT_A_TIME = 100;

const newestOf = (lists: readonly GivenList[]): GivenList | null =>
  lists.toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime())[0] ?? null;

async function publishersOf(ca: CaContext, fleet: Fleet, since: Date): Promise<readonly ListPublisher[]> {
  // One whose key is destroyed signs no other than its last, which is on record.
  const generations = (await ca.ledger.listGenerations(fleet.id)).filter(
    (one) => hasLists(one) && one.key !== 'destroyed',
  );
  return Promise.all(
    generations.map(async (generation) => {
      const { lastNumber } = await ca.revocations.findListState(generation.id);
      const taken = newestOf(await ca.restorations.listTakenLists(generation.id, since));
      return { fleet, generation, lastNumber, taken };
    }),
  );
}

/** The newest restoration and how far it is settled; null where there was none. */
export async function readRestoration(ca: CaContext): Promise<RestorationState | null> {
  const restoration = await ca.restorations.findRestoration();
  if (!restoration) return null;
  const publishers: ListPublisher[] = [];
  for (let after = ''; ; ) {
    const fleets = await ca.ledger.listFleets(after, FLEETS_AT_A_TIME);
    for (const fleet of fleets) publishers.push(...(await publishersOf(ca, fleet, restoration.restoredAt)));
    const last = fleets.at(-1);
    if (!last) return { restoration, publishers };
    after = last.name;
  }
}

const nameOf = ({ fleet, generation }: ListPublisher): string =>
  `${fleet.name}/${generation.authority}/${generation.number}`;

/**
 * Lets the service sign again; where nothing waits for that, changes nothing. Refuses `restoration-not-settled` where
 * the CRL of an authority was not taken in and `missing` is `refuse`: what was revoked since the copy was made would be
 * missing in its next one.
 */
export async function settleRestoration(
  ca: CaContext,
  act: Act,
  reason: string,
  missing: 'refuse' | 'accept',
): Promise<RestorationState | null> {
  const state = await readRestoration(ca);
  if (state === null || state.restoration.settledAt !== null) return state;
  const without = state.publishers.filter(({ taken }) => taken === null).map(nameOf);
  if (without.length > 0 && missing === 'refuse') {
    throw new PkiError(
      'restoration-not-settled',
      `The newest CRL was not taken in of ${without.join(', ')}. Without it, what was revoked since the copy was made is missing in the next one.`,
    );
  }
  const restoration = await ca.restorations.settleRestoration(act, reason, without);
  return { ...state, restoration };
}
