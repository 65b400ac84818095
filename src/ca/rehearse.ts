import { PkiError } from '../errors.ts';
import { getMember } from './compromise.ts';
import type { CaContext } from './context.ts';
import { forecastLastList, verifyDestroyable } from './destroy.ts';
import { type Forecast, type GenerationForecast, readForecast } from './forecast.ts';
import { generationCertificate } from './issuer.ts';
import type { Fleet, Generation } from './ledger-records.ts';
import { linkProblem } from './links.ts';
import { MOVES, planMove, type RotationTerms, type StateChange } from './rotation.ts';
import type { RootState, Server } from './server-ports.ts';

const DAY = 86_400_000;

/** `stop`: do not take the step. `warn`: somebody is worse off by it, or may be. */
export type Severity = 'stop' | 'warn' | 'note';

/** What there is to be said before a step, in a sentence and, where it is about so many, in a number. */
export interface RehearsalFinding {
  readonly severity: Severity;
  readonly code: string;
  readonly count: number | null;
  readonly message: string;
}

/** How far the root of a rotation has come at a server; null: nothing was said of it there. */
export interface ServerProgress {
  readonly name: string;
  readonly kind: Server['kind'];
  readonly state: RootState | null;
}

/** What can be rehearsed: every move, and the destruction of a key. */
export const REHEARSED_STEPS = [...MOVES, 'destroy'] as const;
export type RehearsedStep = (typeof REHEARSED_STEPS)[number];

export interface Rehearsal {
  readonly generation: Generation;
  readonly step: RehearsedStep;
  readonly verdict: 'go' | 'no-go';
  /** What the step would change; empty where the rules refuse it. */
  readonly changes: readonly StateChange[];
  /** Certificates of devices, valid now, under the generation that the step takes from the name, or the bundle. */
  readonly certificates: number;
  /** Of those, how many end after the generation that is to follow. */
  readonly outliving: number;
  /** Where the root is to be registered; of an issuing authority, none. */
  readonly servers: readonly ServerProgress[];
  /** Links between the roots that are not there: `1 to 2`. */
  readonly missingLinks: readonly string[];
  /** Devices that send their own certificate alone, as far as the fleet's settings say so. */
  readonly tokenDevices: number;
  /** Until the rotation must have begun; negative: since. null: it is not known. */
  readonly daysToLatestStart: number | null;
  readonly findings: readonly RehearsalFinding[];
}

export interface RehearsalWish {
  readonly authority: string;
  readonly number: number;
  readonly step: RehearsedStep;
}

interface Scene {
  readonly fleet: Fleet;
  readonly wish: RehearsalWish;
  readonly generations: readonly Generation[];
  readonly generation: Generation;
  /** The one that loses by the step: what issues now, or what leaves the trust bundle. */
  readonly leaving: Generation | undefined;
  readonly servers: readonly Server[];
  readonly forecast: Forecast;
  readonly outliving: number;
  readonly changes: readonly StateChange[];
  readonly refusal: string | null;
  /** Until when the last CRL would hold; null: none would be signed. */
  readonly lastListEnd: Date | null;
  readonly now: Date;
}

const called = ({ authority, number }: Generation): string => `${authority}, generation ${number}`;
const forecastOf = (
  { forecast }: Scene,
  generation: Generation | undefined,
): GenerationForecast | undefined => forecast.authorities.find((one) => one.generation.id === generation?.id);

const finding = (
  severity: Severity,
  code: string,
  count: number | null,
  message: string,
): RehearsalFinding => ({ severity, code, count, message });

/** A step after which devices under this generation are issued, or judged, otherwise than before. */
const isForward = ({ wish: { step } }: Scene): boolean => step === 'publish' || step === 'activate';

function* ruleFindings({ refusal }: Scene): Generator<RehearsalFinding> {
  if (refusal !== null) yield finding('stop', 'refused', null, refusal);
}

function* windowFindings(scene: Scene): Generator<RehearsalFinding> {
  const { generation, leaving, outliving, forecast, now } = scene;
  const { notAfter } = generationCertificate(generation);
  if (isForward(scene) && outliving > 0 && leaving) {
    const ends = notAfter.toISOString().slice(0, 10);
    yield finding(
      'warn',
      'outlives-window',
      outliving,
      `${outliving} certificates under ${called(leaving)} end after ${ends}, the end of ${called(generation)}: it drains for longer than the new one lives.`,
    );
  }
  const days = Math.floor((notAfter.getTime() - now.getTime()) / DAY);
  if (isForward(scene) && generation.kind !== 'registration' && days < forecast.lifetimeDays) {
    yield finding(
      'warn',
      'cuts-short',
      days,
      `${called(generation)} has ${days} days left, and a certificate lives ${forecast.lifetimeDays}: what it issues is cut short.`,
    );
  }
}

/** What is not registered where it must be is a reason to stop once it is to issue; before, it is the work to be done. */
function* serverFindings(scene: Scene): Generator<RehearsalFinding> {
  const { generation, wish } = scene;
  if (!isForward(scene)) return;
  const missing = progressOf(scene).filter(({ state }) => state !== 'confirmed');
  if (generation.kind !== 'root' || missing.length === 0) return;
  const names = missing.map(({ name, state }) => `${name} (${state ?? 'nothing said'})`).join(', ');
  yield finding(
    wish.step === 'activate' ? 'stop' : 'note',
    'server-lacks-root',
    missing.length,
    `The root is not confirmed at ${names}: devices under it are refused there.`,
  );
}

function* linkFindings(scene: Scene): Generator<RehearsalFinding> {
  const missing = missingLinks(scene);
  if (missing.length === 0) return;
  yield finding(
    'warn',
    'link-missing',
    missing.length,
    `There is no link from generation ${missing.join(', nor from ')}: who trusts the one alone refuses devices under the other.`,
  );
}

/** The ledger does not see where keys are; the fleet's settings say that devices have a PKCS#11 module. */
function* tokenFindings(scene: Scene): Generator<RehearsalFinding> {
  const { settings } = scene.fleet;
  const count = tokenDevices(scene);
  if (!isForward(scene) || count === 0) return;
  if (settings.gatewayTrusts === 'fleet-root' && scene.generations.some(({ kind }) => kind === 'issuing')) {
    yield finding(
      'stop',
      'token-devices-cut-off',
      count,
      `The fleet's devices have tokens (pkcs11Module) and send their own certificate alone, and its gateway trusts the root alone (gatewayTrusts): it refuses every device under ${called(scene.generation)}. Give it trust-bundle.pem.`,
    );
    return;
  }
  yield finding(
    'note',
    'token-devices',
    count,
    'The fleet has devices with tokens: they send their own certificate alone, and no link. Gateways need the trust bundle, or the links beside their root.',
  );
}

function* standingFindings(scene: Scene): Generator<RehearsalFinding> {
  const { leaving, wish } = scene;
  const standing = forecastOf(scene, leaving)?.certificates ?? 0;
  if (!leaving || standing === 0) return;
  const leaves = wish.step !== 'publish' && wish.step !== 'activate';
  yield finding(
    'note',
    'standing',
    standing,
    leaves
      ? `${standing} certificates stand under ${called(leaving)}.`
      : `${standing} certificates stand under ${called(leaving)}; it stays in the trust bundle until the last has ended.`,
  );
}

function* timeFindings(scene: Scene): Generator<RehearsalFinding> {
  const days = daysToLatestStart(scene);
  if (days === null || !isForward(scene)) return;
  if (days < 0)
    yield finding(
      'warn',
      'late',
      -days,
      `This rotation should have begun ${-days} days ago: certificates are cut short until it is done. Go on.`,
    );
  else yield finding('note', 'days-left', days, `There are ${days} days to begin in.`);
}

/** What goes with a key. */
function* destructionFindings({
  wish,
  refusal,
  lastListEnd,
  generation,
}: Scene): Generator<RehearsalFinding> {
  if (wish.step !== 'destroy' || refusal !== null) return;
  yield lastListEnd === null
    ? finding('warn', 'no-last-crl', null, `${called(generation)} may not sign CRLs: there is no last one.`)
    : finding(
        'note',
        'last-crl',
        null,
        `A last CRL is signed first, which holds until ${lastListEnd.toISOString()}. What is revoked later is in none.`,
      );
}

function progressOf({ generation, servers }: Scene): readonly ServerProgress[] {
  if (generation.kind !== 'root') return [];
  return servers.map(({ name, kind, roots }) => ({
    name,
    kind,
    state: roots.find(({ generationId }) => generationId === generation.id)?.state ?? null,
  }));
}

function missingLinks({ generation, generations, leaving, wish }: Scene): readonly string[] {
  if (generation.kind !== 'root' || !leaving || leaving.id === generation.id) return [];
  const pairs = [
    [leaving, generation],
    [generation, leaving],
  ] as const;
  return pairs
    .filter(([issuer, subject]) => {
      if (subject.links.some(({ issuerId }) => issuerId === issuer.id)) return false;
      // They are made by the step that publishes; before that, only one that cannot be is missing.
      const isDue = wish.step === 'publish' && generation.state === 'staged';
      return !isDue || linkProblem(generations, subject, issuer) !== null;
    })
    .map(([issuer, subject]) => `${issuer.number} to ${subject.number}`);
}

const tokenDevices = (scene: Scene): number =>
  scene.fleet.settings.pkcs11Module === null ? 0 : (forecastOf(scene, scene.leaving)?.certificates ?? 0);

function daysToLatestStart(scene: Scene): number | null {
  const start = forecastOf(scene, scene.leaving)?.latestStart ?? null;
  return start && Math.floor((start.getTime() - scene.now.getTime()) / DAY);
}

/** Of the line: which one the step takes something from. */
function leavingBy({ number, step }: RehearsalWish, line: readonly Generation[]): Generation | undefined {
  if (step === 'publish' || step === 'activate')
    return line.find((one) => one.state === 'active' && one.number !== number);
  return line.find((one) => one.number === number);
}

const ALL_SERVERS = 1000;

async function changesOf(ca: CaContext, fleet: Fleet, wish: RehearsalWish, terms: RotationTerms, now: Date) {
  const { authority, number, step } = wish;
  if (step === 'destroy') {
    const member = getMember(await ca.ledger.listGenerations(fleet.id), wish);
    if (member.key === 'kept') verifyDestroyable(member);
    return [];
  }
  const line = await ca.rotation.readLine(fleet.id, authority, now);
  return planMove(line, { move: step, number, forced: null }, terms, now);
}

/** What the rules say of a step, without taking it. */
async function judge(ca: CaContext, fleet: Fleet, wish: RehearsalWish, terms: RotationTerms, now: Date) {
  try {
    return { changes: await changesOf(ca, fleet, wish, terms, now), refusal: null };
  } catch (failure) {
    if (failure instanceof PkiError && failure.code === 'rotation-refused')
      return { changes: [], refusal: failure.message };
    throw failure;
  }
}

/** Those under a generation that end after another has. */
async function countOutliving(ca: CaContext, leaving: Generation, after: Date): Promise<number> {
  const { notAfter } = generationCertificate(leaving);
  if (notAfter <= after) return 0;
  return ca.expiries.countExpiring(leaving.id, after, new Date(notAfter.getTime() + 1));
}

/**
 * What there is to know before a step of a rotation, in numbers. Nothing changes by it: the rules judge the ledger as
 * it is now, and whoever takes the step is judged again. Refuses `not-found`.
 */
export async function rehearse(
  ca: CaContext,
  fleet: Fleet,
  wish: RehearsalWish,
  terms: RotationTerms,
  now: Date,
): Promise<Rehearsal> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const line = generations.filter(({ authority }) => authority === wish.authority);
  const generation = line.find(({ number }) => number === wish.number);
  if (!generation)
    throw new PkiError('not-found', `The authority ${wish.authority} has no generation ${wish.number}.`);
  const leaving = leavingBy(wish, line);
  const end = generationCertificate(generation).notAfter;
  const scene: Scene = {
    fleet,
    wish,
    generations,
    generation,
    leaving,
    servers: await ca.servers.listServers(fleet.id, '', ALL_SERVERS),
    forecast: await readForecast(ca, fleet, terms, now),
    outliving: leaving && leaving.id !== generation.id ? await countOutliving(ca, leaving, end) : 0,
    ...(await judge(ca, fleet, wish, terms, now)),
    lastListEnd: wish.step === 'destroy' ? await forecastLastList(ca, generation) : null,
    now,
  };
  const findings = [
    ...ruleFindings(scene),
    ...serverFindings(scene),
    ...tokenFindings(scene),
    ...windowFindings(scene),
    ...linkFindings(scene),
    ...timeFindings(scene),
    ...standingFindings(scene),
    ...destructionFindings(scene),
  ];
  return {
    generation,
    step: wish.step,
    verdict: findings.some(({ severity }) => severity === 'stop') ? 'no-go' : 'go',
    changes: scene.changes,
    certificates: forecastOf(scene, leaving)?.certificates ?? 0,
    outliving: scene.outliving,
    servers: progressOf(scene),
    missingLinks: missingLinks(scene),
    tokenDevices: tokenDevices(scene),
    daysToLatestStart: daysToLatestStart(scene),
    findings,
  };
}
