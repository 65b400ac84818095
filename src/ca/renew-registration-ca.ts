import { stageGeneration } from './authorities.ts';
import type { CaContext } from './context.ts';
import { generationCertificate } from './issuer.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';

/** A third of its life, as for the service's own certificates: credentials that it signs live much shorter. */
const SHARE_LEFT = 3;

/** True where a registration CA issues, and less than a third of its life is left. */
export function isSuccessorDue(generation: Generation, now: Date): boolean {
  const { notBefore, notAfter } = generationCertificate(generation);
  const left = notAfter.getTime() - now.getTime();
  return (
    generation.kind === 'registration' &&
    generation.state === 'active' &&
    left < (notAfter.getTime() - notBefore.getTime()) / SHARE_LEFT
  );
}

/**
 * Makes the next generation of a registration CA where it is due, and lets it issue at once: what it signs is shown to
 * this service alone, which looks at its ledger, so nobody has to learn to trust it first. Credentials that the one
 * before has signed stay valid until their own end. What a cut-off left on its way is taken on. Gives the generation
 * that issues from now on; null where nothing was due.
 */
export async function succeedRegistrationCa(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  generations: readonly Generation[],
): Promise<Generation | null> {
  const due = generations.find((one) => isSuccessorDue(one, act.at));
  if (!due) return null;
  const { authority } = due;
  const waiting = generations.find(
    (one) => one.authority === authority && (one.state === 'staged' || one.state === 'published'),
  );
  const wish = { keyAlgorithm: null, profile: null, commonName: null };
  const next = waiting ?? (await stageGeneration(ca, act, fleet, authority, wish)).generation;
  const order = {
    fleetId: fleet.id,
    authority,
    number: next.number,
    terms: { publishHours: 0 },
    forced: null,
  };
  if (next.state === 'staged') await ca.rotation.moveGeneration(act, { ...order, move: 'publish' });
  return ca.rotation.moveGeneration(act, { ...order, move: 'activate' });
}
