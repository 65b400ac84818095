import type { CaContext } from './context.ts';
import { forecastPace, latestStart, urgencyOf } from './forecast.ts';
import { generationCertificate } from './issuer.ts';
import type { Act, Fleet } from './ledger-records.ts';
import type { RotationTerms } from './rotation.ts';
import type { RotationDue } from './rotation-ports.ts';

/**
 * Those of a fleet's generations that issue and have nobody on the way to take their place, and are so near their
 * end that a person has to act. Reads no certificate but theirs.
 */
export async function findRotationsDue(
  ca: CaContext,
  fleet: Fleet,
  terms: RotationTerms,
  now: Date,
): Promise<readonly RotationDue[]> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const pace = forecastPace(ca, fleet, terms);
  return generations.flatMap((generation) => {
    if (generation.state !== 'active') return [];
    const isFollowed = generations.some(
      ({ authority, state }) =>
        authority === generation.authority && (state === 'staged' || state === 'published'),
    );
    const start = latestStart(generation, generationCertificate(generation).notAfter, pace);
    const urgency = urgencyOf(start, now);
    return isFollowed || urgency === 'ok' ? [] : [{ generation, urgency, latestStart: start }];
  });
}

/**
 * Puts on record what is due in a fleet, each once, and gives what is new: whoever is told of the log's entries
 * hears of it once, however often the service starts.
 */
export async function recordRotationsDue(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  terms: RotationTerms,
): Promise<readonly RotationDue[]> {
  const told: RotationDue[] = [];
  for (const due of await findRotationsDue(ca, fleet, terms, act.at)) {
    if (await ca.rotation.recordRotationDue(act, due)) told.push(due);
  }
  return told;
}
