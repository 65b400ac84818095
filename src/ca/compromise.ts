import { PkiError } from '../errors.ts';
import type { CaContext } from './context.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';
import { isInBundle, type StateChange, type Withdrawal } from './rotation.ts';
import type { CompromiseWish, StandingQuery } from './rotation-ports.ts';

/** What finding a generation compromised changes in a fleet. */
export interface CompromisePlan {
  readonly changes: readonly StateChange[];
  /** Those that leave the trust bundle, or never come into it. */
  readonly withdrawn: readonly number[];
  /** The generation whose own certificate its parent revokes; null: none, or it has no parent. */
  readonly revoked: Generation | null;
}

const refuse = (message: string): never => {
  throw new PkiError('rotation-refused', message);
};

const called = ({ authority, number }: Generation): string => `${authority}, generation ${number}`;

/** Refuses `not-found`. */
export function getMember(
  generations: readonly Generation[],
  { authority, number }: Pick<Generation, 'authority' | 'number'>,
): Generation {
  const found = generations.find((one) => one.authority === authority && one.number === number);
  if (found) return found;
  throw new PkiError('not-found', `The authority has no generation ${number}.`);
}

/** Generations under a root that a gateway has to do with, or soon will. */
const standingUnder = (generations: readonly Generation[], root: Generation): readonly Generation[] =>
  generations.filter(
    ({ id, issuerId, state, withdrawn }) =>
      issuerId === root.id && id !== root.id && state !== 'retired' && !withdrawn,
  );

/** In the place of what was active comes what is published: gateways have it, or soon will. */
function successors(
  generations: readonly Generation[],
  fallen: readonly Generation[],
): readonly StateChange[] {
  const ids = new Set(fallen.map(({ id }) => id));
  const lines = new Set(fallen.filter(({ state }) => state === 'active').map(({ authority }) => authority));
  return generations
    .filter(({ id, authority, state }) => lines.has(authority) && state === 'published' && !ids.has(id))
    .map(({ id }) => ({ id, from: 'published', to: 'active' }));
}

/** Without a root a fleet has no trust bundle, and a gateway that fetches none keeps the one it has. */
function verifyRootRemains(
  generations: readonly Generation[],
  root: Generation,
  next: readonly StateChange[],
): void {
  const isOther = ({ id, kind, state }: Generation): boolean =>
    kind === 'root' && id !== root.id && (state === 'active' || next.some((one) => one.id === id));
  if (generations.some(isOther)) return;
  refuse(
    `${called(root)} is the only root: stage, publish and activate another before it leaves the trust bundle. Until then it issues nothing, if it is marked with the withdrawal after-re-issue.`,
  );
}

/**
 * What becomes of a fleet's generations when one is found compromised, from whichever state; null where nothing
 * is left to change, as when the same is said again. It issues no more. What leaves the trust bundle is never in it again, and a
 * root takes with it what it signed. Refuses `not-found`, `rotation-refused`.
 */
export function planCompromise(
  generations: readonly Generation[],
  of: Pick<Generation, 'authority' | 'number'>,
  withdrawal: Withdrawal,
): CompromisePlan | null {
  const member = getMember(generations, of);
  const wasTrusted = isInBundle(member);
  const isKnown = member.state === 'compromised';
  const leaves = withdrawal === 'now' || !wasTrusted;
  if (isKnown && (!wasTrusted || !leaves)) return null;
  const below = leaves ? standingUnder(generations, member) : [];
  const fallen = [member, ...below];
  const next = successors(generations, fallen);
  if (leaves && wasTrusted && member.kind === 'root') verifyRootRemains(generations, member, next);
  const isSelfSigned = member.issuerId === member.id;
  return {
    changes: [...fallen.map(({ id, state }) => ({ id, from: state, to: 'compromised' as const })), ...next],
    withdrawn: leaves ? fallen.map(({ id }) => id) : [],
    revoked: leaves && !isSelfSigned ? member : null,
  };
}

/** Whose certificates count when a generation is given up, and whose take their place. */
export function standingUnderIt(
  generations: readonly Generation[],
  member: Generation,
  at: Date,
): StandingQuery {
  const under = generations.filter(({ id, issuerId }) => id === member.id || issuerId === member.id);
  const ids = new Set(under.map(({ id }) => id));
  const trusted = generations.filter(
    (one) => isInBundle(one) && one.state !== 'compromised' && !ids.has(one.id),
  );
  return { under: [...ids], trusted: trusted.map(({ id }) => id), at };
}

/** How many certificates of devices stand under a generation: those with no other to go on with, and the others. */
export interface StandingCount {
  readonly awaited: number;
  readonly reissued: number;
  /** Certificates of later intents are not counted. */
  readonly through: number;
}

/** Certificates that are looked at in one read. */
const PAGE = 1_000;

/** Counts page by page, so that others are served meanwhile. */
export async function countStanding(ca: CaContext, query: StandingQuery): Promise<StandingCount> {
  const through = await ca.rotation.settledThrough();
  const count = { awaited: 0, reissued: 0, through };
  for (let after: string | null = ''; after !== null; ) {
    const page: Awaited<ReturnType<typeof ca.rotation.listStanding>> = await ca.rotation.listStanding(
      query,
      after,
      PAGE,
    );
    for (const { intentId, successor } of page.standing) {
      if (intentId > through) continue;
      if (successor === null) count.awaited++;
      else count.reissued++;
    }
    after = page.next;
  }
  return count;
}

/**
 * Marks a generation compromised: from then on nothing is issued under it, not even what is on its way. Where it
 * leaves the trust bundle, its parent revokes it. The same again changes nothing. Rejects with `not-found`,
 * `rotation-refused` where it cuts off more devices than were confirmed, and as the ledger does.
 */
export async function declareCompromised(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  wish: CompromiseWish,
): Promise<Generation> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const query = standingUnderIt(generations, getMember(generations, wish), act.at);
  const { awaited, through } = await countStanding(ca, query);
  return ca.rotation.compromiseGeneration(act, {
    ...wish,
    fleetId: fleet.id,
    counted: { devices: awaited, through },
    under: query.under,
  });
}

/** Refuses `rotation-refused` where more devices are cut off than whoever decides has said. */
export function verifyConfirmed(cutsOff: number, confirmed: number, of: string): void {
  if (cutsOff <= confirmed) return;
  throw new PkiError(
    'rotation-refused',
    `${of} has ${cutsOff} devices with nothing else to go on with, and ${confirmed} were confirmed. Confirm the number, or more where a line is running.`,
    { facts: { cutsOff, confirmed } },
  );
}
