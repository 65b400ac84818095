import { PkiError } from '../errors.ts';
import type { Generation, GenerationState } from './ledger-records.ts';

/** What is done with a generation of an authority on its way from one key to the next. */
export const MOVES = ['publish', 'activate', 'roll-back', 'retire'] as const;
export type Move = (typeof MOVES)[number];

/**
 * When a compromised generation leaves the trust bundle: when its devices have other certificates and somebody
 * says so, or at once. Until it leaves, who has the key makes devices; when it leaves, devices are cut off.
 */
export const WITHDRAWALS = ['after-re-issue', 'now'] as const;
export type Withdrawal = (typeof WITHDRAWALS)[number];

/** States in which a generation belongs in the trust bundle. */
const TRUSTED: ReadonlySet<GenerationState> = new Set(['published', 'active', 'draining']);

/**
 * True where gateways are told to trust a generation. One that is compromised is trusted until it is withdrawn: its
 * devices have nothing else before that. A gateway that trusted the registration CA would take what devices
 * register with for a device.
 */
export const isInBundle = ({
  kind,
  state,
  withdrawn,
}: Pick<Generation, 'kind' | 'state' | 'withdrawn'>): boolean =>
  kind !== 'registration' && (TRUSTED.has(state) || (state === 'compromised' && !withdrawn));

/** A generation as far as rotation is concerned. */
export interface LineMember {
  readonly id: number;
  readonly number: number;
  readonly state: GenerationState;
  /** Since when it is in its state. */
  readonly since: Date;
  /** True where it has issued, or could have. */
  readonly wasActive: boolean;
  /** Gateways that have to have it and are not known to. */
  readonly awaited: readonly string[];
  /** True where the root above it is in the trust bundle; of a root, always. */
  readonly isRootTrusted: boolean;
  /** True where its key is there, and is to stay. */
  readonly isKeyKept: boolean;
  /** The last day of what it signed for devices that is neither expired nor revoked; null: nothing stands under it. */
  readonly lastValid: Date | null;
  /** Generations of other authorities that it signed and that are not retired: `line-7, generation 1`. */
  readonly below: readonly string[];
}

export interface MoveWish {
  readonly move: Move;
  /** Of the generation. */
  readonly number: number;
  /** Why it is to go on before the rules of time are met; null: it is not. */
  readonly forced: string | null;
}

export interface RotationTerms {
  /** How long a generation is in the trust bundle before it issues: gateways fetch that when they will. */
  readonly publishHours: number;
}

/** What becomes of a generation. */
export interface StateChange {
  readonly id: number;
  readonly from: GenerationState;
  readonly to: GenerationState;
}

const HOUR = 3_600_000;

const refuse = (message: string): never => {
  throw new PkiError('rotation-refused', message);
};

const called = ({ number }: LineMember): string => `generation ${number}`;

function verifyState(member: LineMember, move: Move, due: readonly GenerationState[]): void {
  if (due.includes(member.state)) return;
  refuse(`${move} is for a generation that is ${due.join(' or ')}; ${called(member)} is ${member.state}.`);
}

/** Nothing leaves the trust bundle while a gateway has to judge something by it. */
function verifyNothingStands(member: LineMember): void {
  const [one] = member.below;
  if (one !== undefined)
    refuse(`${one} stands under ${called(member)}: gateways would refuse what that has issued.`);
  if (member.lastValid !== null) {
    refuse(
      `Certificates stand under ${called(member)}, the last until ${member.lastValid.toISOString()}: gateways would refuse their devices. Renew or revoke them first.`,
    );
  }
}

const change = ({ id, state }: LineMember, to: GenerationState): StateChange => ({ id, from: state, to });

function activate(
  line: readonly LineMember[],
  member: LineMember,
  forced: string | null,
  { publishHours }: RotationTerms,
  now: Date,
): readonly StateChange[] {
  verifyState(member, 'activate', ['published']);
  const from = new Date(member.since.getTime() + publishHours * HOUR);
  if (now < from && forced === null) {
    refuse(
      `${called(member)} has been in the trust bundle since ${member.since.toISOString()}: gateways have until ${from.toISOString()} to fetch it. Force it, with a reason, where they all have it.`,
    );
  }
  if (member.awaited.length > 0 && forced === null) {
    refuse(
      `${called(member)} is not acknowledged by ${member.awaited.join(', ')}: devices under it would be refused there. Acknowledge it for each that has it, or force it, with a reason.`,
    );
  }
  const before = line.filter(({ state }) => state === 'active');
  return [...before.map((one) => change(one, 'draining')), change(member, 'active')];
}

/** The newest of those before that issued: it still signs, and gateways still trust it. */
function rollBackActive(line: readonly LineMember[], member: LineMember): readonly StateChange[] {
  verifyFreeForNext(line);
  const before = line.filter(({ state, number }) => state === 'draining' && number < member.number).at(-1);
  if (!before) return refuse(`There is no generation before ${called(member)} that could issue again.`);
  return [change(member, 'published'), change(before, 'active')];
}

function rollBack(line: readonly LineMember[], member: LineMember): readonly StateChange[] {
  switch (member.state) {
    case 'active':
      return rollBackActive(line, member);
    case 'published':
      verifyNothingStands(member);
      return [change(member, 'staged')];
    case 'staged':
      return [change(member, 'retired')];
    case 'retired':
      if (!member.isKeyKept)
        return refuse(`The key of ${called(member)} is destroyed, or about to be: there is no way back.`);
      if (!member.isRootTrusted)
        return refuse(`The root above ${called(member)} is out of the trust bundle: roll that back before.`);
      if (member.wasActive) return [change(member, 'draining')];
      verifyFreeForNext(line);
      return [change(member, 'staged')];
    default:
      verifyState(member, 'roll-back', ['staged', 'published', 'active', 'retired']);
      return [];
  }
}

/**
 * What a move changes in a line, an authority's generations in order of their numbers. Every generation with
 * certificates that stand is in the trust bundle before and after, and of those that were active once one is
 * active still. Refuses `rotation-refused`, `not-found`.
 */
export function planMove(
  line: readonly LineMember[],
  { move, number, forced }: MoveWish,
  terms: RotationTerms,
  now: Date,
): readonly StateChange[] {
  const member = line.find((one) => one.number === number);
  if (!member) throw new PkiError('not-found', `The authority has no generation ${number}.`);
  switch (move) {
    case 'publish':
      verifyState(member, move, ['staged']);
      return [change(member, 'published')];
    case 'activate':
      return activate(line, member, forced, terms, now);
    case 'roll-back':
      return rollBack(line, member);
    case 'retire':
      verifyState(member, move, ['draining']);
      verifyNothingStands(member);
      return [change(member, 'retired')];
  }
}

/** Refuses `rotation-refused` where a line is not free for another generation: one is on its way already. */
export function verifyFreeForNext(line: readonly Pick<LineMember, 'number' | 'state'>[]): void {
  const other = line.find(({ state }) => state === 'staged' || state === 'published');
  if (other) {
    refuse(
      `Generation ${other.number} is ${other.state}: activate it, or roll it back, before another is made.`,
    );
  }
}
