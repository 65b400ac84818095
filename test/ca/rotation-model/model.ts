/**
 * The rules of rotation once more, as plain as they can be said, for the model test to hold the product against.
 * Nothing here is imported from it.
 */
export type State = 'staged' | 'published' | 'active' | 'draining' | 'retired' | 'compromised';
export type Line = 'root' | 'line-7';
export type Step = 'publish' | 'activate' | 'roll-back' | 'retire';

export interface Member {
  readonly line: Line;
  readonly number: number;
  state: State;
  withdrawn: boolean;
  key: 'kept' | 'given-up' | 'destroyed';
  /** Number of the root that signed it; null: it is one. */
  readonly root: number | null;
}

/** A certificate of a device, of generation `number` of `line`. */
export interface Leaf {
  readonly line: Line;
  readonly number: number;
  readonly fingerprint: string;
  readonly end: number;
  isRevoked: boolean;
}

export interface Model {
  now: number;
  members: Member[];
  leaves: Leaf[];
  /** Names (`line/number`) that have issued, or could have. */
  wasActive: Set<string>;
  /** Since when a generation is in its state. */
  since: Map<string, number>;
  /** Those that the gateway has acknowledged since they were last published. */
  acknowledged: Set<string>;
  /** The highest number that was given out in a line, also to one that a crash left without a certificate. */
  used: Map<Line, number>;
}

export const HOUR = 3_600_000;
export const nameOf = ({ line, number }: Pick<Member, 'line' | 'number'>): string => `${line}/${number}`;

export const isTrusted = ({ state, withdrawn }: Member): boolean =>
  ['published', 'active', 'draining'].includes(state) || (state === 'compromised' && !withdrawn);

export const find = ({ members }: Model, line: Line, number: number): Member | undefined =>
  members.find((one) => one.line === line && one.number === number);
export const rootOf = (model: Model, { root, number }: Member): Member | undefined =>
  find(model, 'root', root ?? number);
const lineOf = ({ members }: Model, line: Line): Member[] => members.filter((one) => one.line === line);
const hasNext = (model: Model, line: Line): boolean =>
  lineOf(model, line).some(({ state }) => state === 'staged' || state === 'published');
const under = ({ members }: Model, root: Member): Member[] =>
  root.line === 'root' ? members.filter((one) => one.root === root.number) : [];

export const standing = ({ leaves, now }: Model, { line, number }: Member): Leaf[] =>
  leaves.filter((one) => one.line === line && one.number === number && one.end > now && !one.isRevoked);

const isBare = (model: Model, member: Member): boolean =>
  standing(model, member).length === 0 &&
  under(model, member).every(({ state, withdrawn }) => state === 'retired' || withdrawn);

function put(model: Model, member: Member, state: State): void {
  member.state = state;
  model.since.set(nameOf(member), model.now);
  if (state === 'active') model.wasActive.add(nameOf(member));
  if (state === 'published') model.acknowledged.delete(nameOf(member));
}

/** A new member, or false where the line is not free for one. */
export function stage(model: Model, line: Line, number: number): boolean {
  if (hasNext(model, line)) return false;
  const parent = lineOf(model, 'root').find(({ state }) => state === 'active');
  if (line === 'line-7' && !parent) return false;
  const root = line === 'root' ? null : (parent?.number ?? null);
  model.members.push({ line, number, state: 'staged', withdrawn: false, key: 'kept', root });
  return true;
}

function activate(model: Model, member: Member, isForced: boolean): boolean {
  const name = nameOf(member);
  const isLongEnough = model.now >= (model.since.get(name) ?? 0) + 24 * HOUR;
  if (member.state !== 'published') return false;
  if (!isForced && !(isLongEnough && model.acknowledged.has(name))) return false;
  for (const one of lineOf(model, member.line)) if (one.state === 'active') put(model, one, 'draining');
  put(model, member, 'active');
  return true;
}

function back(model: Model, member: Member): boolean {
  if (member.state === 'active') {
    const before = lineOf(model, member.line).filter(
      (one) => one.state === 'draining' && one.number < member.number,
    );
    const last = before.at(-1);
    if (!last || hasNext(model, member.line)) return false;
    put(model, member, 'published');
    put(model, last, 'active');
    return true;
  }
  if (member.state === 'published' && isBare(model, member)) put(model, member, 'staged');
  else if (member.state === 'staged') put(model, member, 'retired');
  else if (member.state === 'retired' && member.key === 'kept') {
    const root = rootOf(model, member);
    if (member.root !== null && (!root || !isTrusted(root))) return false;
    const wasActive = model.wasActive.has(nameOf(member));
    if (!wasActive && hasNext(model, member.line)) return false;
    put(model, member, wasActive ? 'draining' : 'staged');
  } else return false;
  return true;
}

/** Takes a step, or gives false and changes nothing. */
export function take(model: Model, member: Member, step: Step, isForced: boolean): boolean {
  switch (step) {
    case 'publish':
      if (member.state !== 'staged') return false;
      put(model, member, 'published');
      return true;
    case 'activate':
      return activate(model, member, isForced);
    case 'roll-back':
      return back(model, member);
    case 'retire':
      if (member.state !== 'draining' || !isBare(model, member)) return false;
      put(model, member, 'retired');
      return true;
  }
}

/** Marks a member compromised, or gives false where that is refused. The same again changes nothing. */
export function compromise(model: Model, member: Member, isNow: boolean): boolean {
  const wasTrusted = isTrusted(member);
  const leaves = isNow || !wasTrusted;
  if (member.state === 'compromised' && (!wasTrusted || !leaves)) return true;
  const below = leaves
    ? under(model, member).filter(({ state, withdrawn }) => state !== 'retired' && !withdrawn)
    : [];
  const fallen = [member, ...below];
  const takesOver = model.members.filter(
    (one) =>
      one.state === 'published' &&
      !fallen.includes(one) &&
      fallen.some((lost) => lost.line === one.line && lost.state === 'active'),
  );
  const isLastRoot = !model.members.some(
    (one) => one.line === 'root' && one !== member && (one.state === 'active' || takesOver.includes(one)),
  );
  if (leaves && wasTrusted && member.line === 'root' && isLastRoot) return false;
  for (const one of fallen) put(model, one, 'compromised');
  for (const one of takesOver) put(model, one, 'active');
  if (leaves) for (const one of fallen) one.withdrawn = true;
  return true;
}

export const mayDestroy = ({ state, withdrawn }: Member): boolean =>
  state === 'retired' || (state === 'compromised' && withdrawn);

export const copyOf = (model: Model): Model => ({
  now: model.now,
  members: model.members.map((one) => ({ ...one })),
  leaves: model.leaves.map((one) => ({ ...one })),
  wasActive: new Set(model.wasActive),
  since: new Map(model.since),
  acknowledged: new Set(model.acknowledged),
  used: new Map(model.used),
});

/** What can be seen of a model, or of the product, and must be the same. */
export const stateOf = (members: readonly Member[]): string =>
  members
    .map((one) => `${nameOf(one)} ${one.state}${one.withdrawn ? ' out' : ''} ${one.key}`)
    .sort()
    .join(', ');
