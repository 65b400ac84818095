import fc from 'fast-check';
import {
  declareCompromised,
  destroyKey,
  hasLists,
  issue,
  makeLinks,
  makeListIfDue,
  pickIssuer,
  prepareGrants,
  stageGeneration,
} from '../../../src/ca/index.ts';
import { PkiError } from '../../../src/errors.ts';
import { certificateFingerprint } from '../../../src/x509/index.ts';
import { makeCsr } from '../../support/csr.ts';
import { decide } from '../../support/decide.ts';
import { contextOf } from '../../support/memory-ca.ts';
import { verifyInvariants } from './invariants.ts';
import {
  compromise,
  copyOf,
  find,
  HOUR,
  isTrusted,
  type Leaf,
  type Line,
  type Member,
  type Model,
  mayDestroy,
  nameOf,
  rootOf,
  type Step,
  stage,
  standing,
  stateOf,
  take,
} from './model.ts';
import { Crash, type CrashPoint, type World } from './world.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const TERMS = { publishHours: 24 };
const LIST_TERMS = { validHours: 168, everyHours: 24 };

const fail = (what: string): never => {
  throw new Error(what);
};

/**
 * One command. `plan` changes a copy of the model as the rules have it, and gives whether they allow it; null: the
 * rules of rotation do not say. `act` does it.
 */
interface Deed {
  says(model: Model): string;
  readonly crash: CrashPoint | null;
  plan(model: Model): boolean | null;
  act(world: World, model: Model): Promise<void>;
}

/** Runs a deed, judges what came of it, and goes on with what is on record. */
class Command implements fc.AsyncCommand<Model, World> {
  readonly #deed: Deed;
  #said = 'not run';

  constructor(deed: Deed) {
    this.#deed = deed;
  }

  check = (): boolean => true;

  /** Each run has its own, which says afterwards whom it was about. */
  [fc.cloneMethod](): Command {
    return new Command(this.#deed);
  }

  async run(model: Model, world: World): Promise<void> {
    this.#said = this.#deed.says(model);
    const before = copyOf(model);
    const after = copyOf(model);
    const isAllowed = this.#deed.plan(after);
    const entries = await world.entries();
    world.crashAt(this.#deed.crash);
    const refusal = await this.#deed.act(world, before).then(
      () => null,
      (failure: unknown) => failure,
    );
    world.crashAt(null);
    const members = await world.members();
    if (refusal instanceof Crash) {
      world.restart();
      const now = stateOf(await world.members());
      const due = [stateOf(before.members), stateOf(after.members), ...givenUp(before, after)];
      if (!due.includes(now)) fail(`a crash left ${now}, which is neither of ${due.join(' | ')}`);
      Object.assign(model, now === stateOf(before.members) ? before : after);
      await readBack(model, world);
    } else if (refusal instanceof PkiError) {
      if (isAllowed === true) fail(`it was refused (${refusal.message}), and the rules allow it`);
      const left = (await world.entries()) - entries;
      if (stateOf(members) !== stateOf(before.members) || left !== 0)
        fail(`it was refused (${refusal.code}), and left ${left} entries and ${stateOf(members)}`);
    } else if (refusal !== null) throw refusal;
    else {
      if (isAllowed === false) fail('it was done, and the rules refuse it');
      if (stateOf(members) !== stateOf(after.members))
        fail(`it made ${stateOf(members)}, and the rules make ${stateOf(after.members)}`);
      Object.assign(model, after);
    }
    await readLeaves(model, world);
    await verifyInvariants(model, world);
  }

  toString(): string {
    const { crash } = this.#deed;
    return crash ? `${this.#said}, crash ${crash.when} write ${crash.write}` : this.#said;
  }
}

/** Of a destruction that breaks off: the key is given up. */
const givenUp = (before: Model, after: Model): readonly string[] => [
  stateOf(
    after.members.map((one) => {
      const was = find(before, one.line, one.number);
      return was?.key !== 'destroyed' && one.key === 'destroyed' ? { ...one, key: 'given-up' } : one;
    }),
  ),
];

/** What a crash leaves that no state shows: how far a key came, numbers that are used up, what was acknowledged. */
async function readBack(model: Model, world: World): Promise<void> {
  const { store, fleet } = world;
  model.members = await world.members();
  for (const one of ['root', 'line-7'] as const) {
    model.used.set(one, (await store.nextGeneration(fleet.id, one)) - 1);
    for (const { generation, acknowledged } of await store.listGateways(fleet.id, one))
      if (acknowledged) model.acknowledged.add(`${one}/${generation}`);
  }
}

/** Certificates that are on record: a crash may have left one that nobody was handed. */
async function readLeaves(model: Model, { store, fleet, clock }: World): Promise<void> {
  const any = { deviceId: null, serial: null, keyDigest: null, batchId: null, tokenId: null, label: null };
  const search = { ...any, fleetId: fleet.id, status: null, expiringBefore: null, at: clock.now() };
  const generations = await store.listGenerations(fleet.id);
  const { certificates } = await store.searchCertificates(search, 0, 1000);
  model.leaves = certificates.map((one): Leaf => {
    const issuer = generations.find(({ id }) => id === one.issuerId);
    return {
      ...{ line: issuer?.authority as Line, number: issuer?.number ?? 0 },
      ...{
        fingerprint: hex(one.fingerprint),
        end: one.notAfter.getTime(),
        isRevoked: one.revokedAt !== null,
      },
    };
  });
}

const generationOf = async (world: World, line: Line, number: number) =>
  (await world.generations()).find((one) => one.authority === line && one.number === number) ??
  Promise.reject(new PkiError('not-found', 'there is no such generation'));

/** The member that is meant: the `nth` of its line, the newest first, over and over. */
function pick({ members }: Model, { line, nth }: OfMember): Member {
  const own = members.filter((one) => one.line === line).toSorted((a, b) => b.number - a.number);
  return own[nth % own.length] ?? fail(`${line} has nobody`);
}

let devices = 0;

type Crashing = { readonly crash: CrashPoint | null };
type OfMember = { readonly line: Line; readonly nth: number } & Crashing;

/** The number of one that a crash left without a certificate is used up. */
const staging = ({ line, crash }: { readonly line: Line } & Crashing): Deed => ({
  says: () => `stage ${line}`,
  crash,
  plan: (model) => {
    const number = (model.used.get(line) ?? 0) + 1;
    const isFree = stage(model, line, number);
    if (isFree) model.used.set(line, number);
    return isFree;
  },
  act: async (world) => {
    const wish = { keyAlgorithm: null, profile: null, commonName: null };
    await stageGeneration(world.ca, world.act(), world.fleet, line, wish);
  },
});

const moving = ({
  step,
  isForced,
  ...of
}: OfMember & { readonly step: Step; readonly isForced: boolean }): Deed => ({
  says: (model) => `${step}${isForced ? ' (forced)' : ''} ${nameOf(pick(model, of))}`,
  crash: of.crash,
  plan: (model) => take(model, pick(model, of), step, isForced),
  act: async (world, model) => {
    const { number } = pick(model, of);
    const { ca, fleet } = world;
    if (step === 'publish') await makeLinks(ca, world.act(), fleet, of.line, number);
    const order = { fleetId: fleet.id, authority: of.line, number, move: step, terms: TERMS };
    const forced = isForced && step === 'activate' ? 'a drill' : null;
    await ca.rotation.moveGeneration(world.act(), { ...order, forced });
  },
});

const acknowledging = (of: OfMember): Deed => ({
  says: (model) => `acknowledge ${nameOf(pick(model, of))}`,
  crash: of.crash,
  plan: (model) => {
    const member = pick(model, of);
    if (member.state !== 'published') return null;
    model.acknowledged.add(nameOf(member));
    return true;
  },
  act: async (world, model) => {
    const { number } = pick(model, of);
    const said = { gateway: 'gateway.example.com:8000', way: 'word', word: 'seen' } as const;
    const order = { fleetId: world.fleet.id, authority: of.line, number, ...said };
    await world.ca.rotation.acknowledgeGeneration(world.act(), order);
  },
});

const compromising = ({ isNow, ...of }: OfMember & { readonly isNow: boolean }): Deed => ({
  says: (model) => `compromise ${nameOf(pick(model, of))}${isNow ? ' and withdraw it' : ''}`,
  crash: of.crash,
  plan: (model) => compromise(model, pick(model, of), isNow),
  act: async (world, model) => {
    const { number } = pick(model, of);
    const withdrawal = isNow ? 'now' : 'after-re-issue';
    const wish = {
      authority: of.line,
      number,
      reason: 'lost',
      withdrawal,
      confirmed: 1000,
    } as const;
    await declareCompromised(world.ca, world.act(), world.fleet, wish);
  },
});

const destroying = (of: OfMember): Deed => ({
  says: (model) => `destroy ${nameOf(pick(model, of))}`,
  crash: of.crash,
  plan: (model) => {
    const member = pick(model, of);
    if (!mayDestroy(member)) return false;
    member.key = 'destroyed';
    return true;
  },
  act: async (world, model) => {
    const { number } = pick(model, of);
    const { certificate } = await generationOf(world, of.line, number);
    const fingerprint = hex(certificateFingerprint(certificate));
    const wish = { authority: of.line, number, fingerprint, reason: 'no need' };
    await destroyKey(world.ca, world.act(), world.fleet, wish);
  },
});

const issuing = ({ line, crash }: { readonly line: Line } & Crashing): Deed => ({
  says: () => `issue under ${line}`,
  crash,
  plan: (model) => {
    const active = model.members.find((one) => one.line === line && one.state === 'active');
    // Near its end an authority refuses, which is no matter of rotation.
    return active ? null : false;
  },
  act: async (world, model) => {
    const grant = decide(makeCsr({ deviceId: `unit-${++devices}` }));
    if ('code' in grant) throw grant;
    const issuer = pickIssuer(await world.generations(), line);
    const context = contextOf(world.fleet, issuer);
    const chunk = await prepareGrants(world.ca, { context, grants: [grant], at: world.clock.now() });
    const order = { act: world.act(), fleetId: world.fleet.id, batchId: null, chunk };
    const [outcome] = await issue(world.ca, order);
    if (outcome?.status !== 'issued') throw new PkiError('busy', JSON.stringify(outcome));
    const member = find(model, line, issuer.number) as Member;
    const root = rootOf(model, member);
    if (!isTrusted(member) || !root || !isTrusted(root))
      fail(`${nameOf(member)} issued, and gateways are not told to trust it`);
  },
});

/** What stands under a member, one after the other. */
const revoking = (of: OfMember): Deed => ({
  says: (model) => `revoke what stands under ${nameOf(pick(model, of))}`,
  crash: of.crash,
  plan: () => true,
  act: async (world, model) => {
    for (const { fingerprint } of standing(model, pick(model, of)))
      await world.ca.ledger.markRevoked(world.act(), Buffer.from(fingerprint, 'hex'), 'superseded');
  },
});

/** What somebody does who wants to get on: the step that is due next in a line. */
const goingOn = ({ line, crash }: { readonly line: Line } & Crashing): Deed => {
  const next = (model: Model): Deed => {
    const of = { line, nth: 0, crash };
    const { state } = pick(model, of);
    if (state === 'staged') return moving({ ...of, step: 'publish', isForced: false });
    if (state === 'published') return moving({ ...of, step: 'activate', isForced: true });
    const old = [1, 2, 3].find((nth) => pick(model, { ...of, nth }).state === 'draining');
    const last = [1, 2, 3].find((nth) => mayDestroy(pick(model, { ...of, nth })));
    if (old !== undefined) return moving({ ...of, nth: old, step: 'retire', isForced: false });
    return last === undefined ? staging({ line, crash }) : destroying({ ...of, nth: last });
  };
  return {
    says: (model) => next(model).says(model),
    crash,
    plan: (model) => next(model).plan(model),
    act: (world, model) => next(model).act(world, model),
  };
};

/** As upkeep does it, of every generation that has a key. */
const renewing = ({ crash }: Crashing): Deed => ({
  says: () => 'make the CRLs that are due',
  crash,
  plan: () => true,
  act: async (world) => {
    for (const one of (await world.generations()).filter(hasLists)) {
      await makeListIfDue(world.ca, world.act(), one, LIST_TERMS);
      const { published } = await world.store.findListState(one.id);
      const isCurrent = published !== null && published.nextUpdate > world.clock.now();
      if (one.key === 'kept' && !isCurrent) fail(`${one.authority}/${one.number} has no CRL that is valid`);
    }
  },
});

const waiting = ({ hours }: { readonly hours: number }): Deed => ({
  says: () => `wait ${hours} hours`,
  crash: null,
  plan: (model) => {
    model.now += hours * HOUR;
    return true;
  },
  act: async (world) => world.clock.set(new Date(world.clock.now().getTime() + hours * HOUR)),
});

const restarting = (): Deed => ({
  says: () => 'restart',
  crash: null,
  plan: () => true,
  act: async (world) => world.restart(),
});

const line = fc.constantFrom<Line>('root', 'line-7', 'line-7');
const nth = fc.nat(3);
const crash: fc.Arbitrary<CrashPoint | null> = fc.option(
  fc.record({
    write: fc.integer({ min: 1, max: 6 }),
    when: fc.constantFrom('before' as const, 'after' as const),
  }),
  { freq: 4 },
);
const member = { line, nth, crash };
const as = <T>(arbitrary: fc.Arbitrary<T>, deed: (wish: T) => Deed): fc.Arbitrary<Command> =>
  arbitrary.map((wish) => new Command(deed(wish)));
const step = fc.constantFrom<Step>('publish', 'activate', 'roll-back', 'roll-back', 'retire');

/** All that can be done with a line, and time that passes. What is named twice is done twice as often. */
export const commands = [
  as(fc.record({ line, crash }), goingOn),
  as(fc.record({ line, crash }), goingOn),
  as(fc.record({ line, crash }), goingOn),
  as(fc.record({ line, crash }), staging),
  as(fc.record({ ...member, step, isForced: fc.boolean() }), moving),
  as(fc.record({ ...member, step, isForced: fc.boolean() }), moving),
  as(fc.record(member), acknowledging),
  as(fc.record({ ...member, isNow: fc.boolean() }), compromising),
  as(fc.record(member), destroying),
  as(fc.record({ line, crash }), issuing),
  as(fc.record({ line, crash }), issuing),
  as(fc.record({ line, crash }), issuing),
  as(fc.record(member), revoking),
  as(fc.record({ crash }), renewing),
  as(fc.record({ hours: fc.constantFrom(1, 25, 25, 25, 24 * 40, 24 * 800) }), waiting),
  as(fc.constant(null), restarting),
];
