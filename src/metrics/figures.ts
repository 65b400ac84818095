import type { BatchStore } from '../batch/index.ts';
import {
  allFleets,
  type CaContext,
  type Fleet,
  findRotationsDue,
  forecastPace,
  type Generation,
  generationCertificate,
  hasLists,
  type ListFacts,
  latestStart,
  type RotationTerms,
  type Urgency,
} from '../ca/index.ts';
import type { DeliveryState, Destination, OutgoingStore } from '../outgoing/index.ts';

/** What is read of the ledger. */
export interface FigureSources {
  readonly ca: CaContext;
  readonly batches: Pick<BatchStore, 'listBatches'>;
  readonly outgoing: Pick<OutgoingStore, 'listAllDestinations' | 'countDeliveries'>;
  readonly terms: RotationTerms;
}

export interface GenerationFigures {
  readonly fleet: string;
  readonly generation: Generation;
  readonly notAfter: Date;
  /** The last day on which its rotation can begin; null: it is not the one that issues. */
  readonly latestStart: Date | null;
  /** `ok`, too, where the next one is on its way. */
  readonly urgency: Urgency;
  /** The CRL that is published; null: none. */
  readonly list: ListFacts | null;
}

export interface DeliveryFigures {
  readonly fleet: string;
  readonly kind: Destination['kind'];
  readonly name: string;
  readonly state: DeliveryState;
  readonly count: number;
}

export interface Figures {
  readonly generations: readonly GenerationFigures[];
  readonly deliveries: readonly DeliveryFigures[];
  /** Lots that are coming in. */
  readonly receiving: number;
  /** The ledger is a copy that was put back, and nothing is signed until that is settled. */
  readonly isUnsettled: boolean;
}

/** More than these are as bad: nobody needs the difference, and the store counts no further. */
const MOST_DELIVERIES = 10_000;
const MOST_LOTS = 1_000;
const STATES: readonly DeliveryState[] = ['pending', 'dead'];

async function fleetFigures(
  { ca, terms }: FigureSources,
  fleet: Fleet,
  now: Date,
): Promise<readonly GenerationFigures[]> {
  const pace = forecastPace(ca, fleet, terms);
  const due = await findRotationsDue(ca, fleet, terms, now);
  const figures: GenerationFigures[] = [];
  for (const generation of await ca.ledger.listGenerations(fleet.id)) {
    const { notAfter } = generationCertificate(generation);
    figures.push({
      fleet: fleet.name,
      generation,
      notAfter,
      latestStart: generation.state === 'active' ? latestStart(generation, notAfter, pace) : null,
      urgency: due.find((one) => one.generation.id === generation.id)?.urgency ?? 'ok',
      list: hasLists(generation) ? (await ca.revocations.findListState(generation.id)).published : null,
    });
  }
  return figures;
}

async function deliveryFigures(
  { outgoing }: FigureSources,
  fleets: ReadonlyMap<number, string>,
): Promise<readonly DeliveryFigures[]> {
  const figures: DeliveryFigures[] = [];
  for (const { id, fleetId, kind, name } of await outgoing.listAllDestinations()) {
    for (const state of STATES) {
      const count = await outgoing.countDeliveries(id, state, MOST_DELIVERIES);
      figures.push({ fleet: fleets.get(fleetId) ?? '', kind, name, state, count });
    }
  }
  return figures;
}

/** Reads no table of certificates: as fast in a ledger of millions as in an empty one. */
export async function readFigures(sources: FigureSources, now: Date): Promise<Figures> {
  const { ca, batches } = sources;
  const names = new Map<number, string>();
  const generations: GenerationFigures[] = [];
  for await (const fleet of allFleets(ca)) {
    names.set(fleet.id, fleet.name);
    generations.push(...(await fleetFigures(sources, fleet, now)));
  }
  const live = { fleetId: null, tokenId: null, state: 'receiving' } as const;
  const restoration = await ca.restorations.findRestoration();
  return {
    generations,
    deliveries: await deliveryFigures(sources, names),
    receiving: (await batches.listBatches(live, null, MOST_LOTS)).batches.length,
    isUnsettled: restoration !== undefined && restoration.settledAt === null,
  };
}
