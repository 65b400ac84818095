import { allFleets, type CaContext, generationCertificate } from '../ca/index.ts';

/** From now on, days: what is told of each fleet. */
export const WITHIN_DAYS = [1, 7, 30, 90] as const;
/** What is counted at a time, so that issuing goes on between. */
const STEPS_DAYS = [...WITHIN_DAYS.slice(0, -1), 60, 90];
const DAY = 86_400_000;

/** Certificates of a fleet's devices that end within so many days, from now on. */
export interface Expiring {
  readonly fleet: string;
  readonly withinDays: number;
  readonly certificates: number;
}

/** Adds what one generation signed to the sums, step by step. */
async function addGeneration(
  { expiries }: CaContext,
  issuerId: number,
  end: Date,
  now: Date,
  sums: Map<number, number>,
): Promise<void> {
  let from = now;
  for (const step of STEPS_DAYS) {
    // What it signs ends with it at the latest.
    if (from > end) return;
    const until = new Date(now.getTime() + step * DAY);
    const found = await expiries.countExpiring(issuerId, from, until);
    for (const days of WITHIN_DAYS) if (step <= days) sums.set(days, (sums.get(days) ?? 0) + found);
    from = until;
  }
}

/**
 * Counts what ends soon in every fleet, without what is revoked or under a generation that is gone. By the index
 * of expiries, in time that grows with what is counted: ask seldom.
 */
export async function countSoonExpiring(ca: CaContext, now: Date): Promise<readonly Expiring[]> {
  const expiring: Expiring[] = [];
  for await (const fleet of allFleets(ca)) {
    const sums = new Map<number, number>();
    for (const generation of await ca.ledger.listGenerations(fleet.id)) {
      const { kind, state } = generation;
      if (kind === 'registration' || state === 'retired' || state === 'compromised') continue;
      await addGeneration(ca, generation.id, generationCertificate(generation).notAfter, now, sums);
    }
    for (const withinDays of WITHIN_DAYS)
      expiring.push({ fleet: fleet.name, withinDays, certificates: sums.get(withinDays) ?? 0 });
  }
  return expiring;
}
