import type { CaContext } from './context.ts';
import { generationCertificate } from './issuer.ts';
import type { Act, Fleet, GenerationState } from './ledger-records.ts';
import type { AuthorityExpiring } from './rotation-ports.ts';

/** How long before the end of a generation it is told of, days; the nearest first. */
const WITHIN_DAYS = [1, 7, 30, 90] as const;
const DAY = 86_400_000;

/** Those that issue or under which devices still stand. */
const STANDING: ReadonlySet<GenerationState> = new Set(['active', 'draining']);

/** Those of a fleet's generations that end within one of the numbers of days, each with the smallest that fits. */
async function findExpiring(ca: CaContext, fleet: Fleet, now: Date): Promise<readonly AuthorityExpiring[]> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  return generations.flatMap((generation) => {
    const { notAfter } = generationCertificate(generation);
    const left = notAfter.getTime() - now.getTime();
    const withinDays = WITHIN_DAYS.find((days) => left <= days * DAY);
    const isTold = STANDING.has(generation.state) && left > 0 && withinDays !== undefined;
    return isTold ? [{ generation, withinDays, notAfter }] : [];
  });
}

/**
 * Puts on record which of a fleet's generations are about to end, each number of days once, and gives what is new:
 * whoever is told of the log's entries hears of it once, however often the service starts. Days that went by while
 * nobody looked are not told one after the other: the nearest stands for them.
 */
export async function recordAuthoritiesExpiring(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
): Promise<readonly AuthorityExpiring[]> {
  const told: AuthorityExpiring[] = [];
  for (const expiring of await findExpiring(ca, fleet, act.at)) {
    if (await ca.rotation.recordAuthorityExpiring(act, expiring)) told.push(expiring);
  }
  return told;
}
