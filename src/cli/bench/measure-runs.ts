import { encodePem } from '../../asn1/index.ts';
import { driveRequests, type Endpoint } from './drive-requests.ts';
import { type Findings, newRun, type Run } from './findings.ts';
import { FLEET, type Line, startLine, startTokenLine } from './line.ts';
import { makeIdLot, makeLot, readRequests, removeLot } from './lot.ts';
import { type CeilingMeter, openCeiling } from './measure-ceiling.ts';
import { type Cfssl, startCfssl } from './peers/cfssl.ts';
import { isInstalled } from './peers/installed.ts';
import { findSofthsm, makeToken } from './peers/softhsm.ts';
import type { Plan } from './plan.ts';
import { startSeededLine, whyNoRoom } from './seeded-line.ts';
import { sendLot, warmUp, warmUpKeys } from './send-lot.ts';
import type { Workshop } from './workshop.ts';

/** The part of the time, where it is short, that the runs may take. */
const SHARE_OF_RUNS = 0.7;

/** The parts that send requests to a service, and all that ask one. */
const REQUESTS = ['bulk', 'single'] as const;
const ON_LINE = [...REQUESTS, 'keys'] as const;

/** What a run needs; null where it is not asked for, or not there. */
interface Apparatus {
  readonly workshop: Workshop;
  readonly plan: Plan;
  readonly meter: CeilingMeter | null;
  readonly line: Line | null;
  readonly cfssl: Cfssl | null;
  /** With its keys in a token. */
  readonly tokenLine: Line | null;
}

async function openMeter(workshop: Workshop, plan: Plan): Promise<CeilingMeter | null> {
  return plan.parts.has('ceiling') || plan.parts.has('keys') ? openCeiling(workshop, plan) : null;
}

async function openServiceLine(
  workshop: Workshop,
  plan: Plan,
  say: (line: string) => void,
): Promise<Line | null> {
  if (!ON_LINE.some((part) => plan.parts.has(part))) return null;
  if (plan.startFrom === 0) return startLine(workshop, 'line');
  const noRoom = await whyNoRoom(workshop, plan.startFrom);
  if (noRoom !== null) throw new Error(noRoom);
  return (await startSeededLine(workshop, 'line', plan.startFrom, say)).line;
}

async function openCfssl(workshop: Workshop, { peers }: Plan, { reasons }: Findings): Promise<Cfssl | null> {
  if (!peers.has('cfssl')) return null;
  if (await isInstalled('cfssl', 'version')) return startCfssl(workshop);
  reasons.set('cfssl', 'cfssl is not installed (Debian: golang-cfssl)');
  return null;
}

async function openTokenLine(
  workshop: Workshop,
  { peers, parts }: Plan,
  { reasons }: Findings,
): Promise<Line | null> {
  if (!peers.has('softhsm')) return null;
  const module = findSofthsm();
  if (!REQUESTS.some((part) => parts.has(part)))
    reasons.set('softhsm', 'only bulk and single are measured with it');
  else if (module === undefined) reasons.set('softhsm', 'SoftHSM2 is not installed (Debian: softhsm2)');
  else return startTokenLine(workshop, 'token-line', await makeToken(workshop.folder, module));
  return null;
}

/** A lot between two measurements of the ceiling. */
async function measureBulk(
  { workshop, plan, meter, line }: Apparatus,
  name: string,
  run: Run,
): Promise<void> {
  const isAsked = line !== null && plan.parts.has('bulk');
  // Before anything is measured: making requests takes all cores.
  const lot = isAsked ? await makeLot(workshop, `bulk-${name}`, plan.bulkRows) : null;
  const ceiling = plan.parts.has('ceiling') ? meter : null;
  const before = await ceiling?.pace('cycle');
  run.bulkPerSecond = line && lot ? await sendLot(line, lot) : null;
  const after = await ceiling?.pace('cycle');
  if (lot) await removeLot(lot);
  if (ceiling && before && after) {
    run.ceiling = { before, after, verifyAndSign: await ceiling.faster('verify-and-sign') };
  }
}

/** A lot whose keys the CA makes, between two measurements of its ceiling. */
async function measureKeys(
  { workshop, plan, meter, line }: Apparatus,
  name: string,
  run: Run,
): Promise<void> {
  if (!meter || !line || !plan.parts.has('keys')) return;
  const lot = await makeIdLot(workshop, `keys-${name}`, plan.bulkRows);
  const before = await meter.pace('make-key');
  const perSecond = await sendLot(line, lot);
  const after = await meter.pace('make-key');
  await removeLot(lot);
  run.keys = { perSecond, ceiling: { before, after }, bare: await meter.faster('make-key-bare') };
}

const endpointOf = ({ service, token }: Line): Endpoint => ({
  url: new URL(`/v1/fleets/${FLEET}/certificates`, service.url),
  ca: service.ca,
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/pkcs10' },
});

const pemOf = (der: Uint8Array): Buffer => Buffer.from(encodePem('CERTIFICATE REQUEST', der));

/** Single requests, to the service and to cfssl, the same ones and in the same form. */
async function measureSingles(
  { workshop, plan, line, cfssl }: Apparatus,
  name: string,
  run: Run,
): Promise<void> {
  const isAsked = line !== null && plan.parts.has('single');
  if (!isAsked && !cfssl) return;
  const lot = await makeLot(workshop, `single-${name}`, plan.singleRequests);
  const requests = await readRequests(lot);
  await removeLot(lot);
  if (isAsked) run.single = await driveRequests(endpointOf(line), requests.map(pemOf));
  if (cfssl) run.cfssl = await cfssl.drive(requests);
}

/** The same as bulk and single, to the service whose keys are in a token: both within one run give the ratio. */
async function measureToken(
  { workshop, plan: { parts, bulkRows, singleRequests }, tokenLine }: Apparatus,
  name: string,
  run: Run,
): Promise<void> {
  if (!tokenLine) return;
  let bulkPerSecond = null;
  let single = null;
  if (parts.has('bulk')) {
    const lot = await makeLot(workshop, `token-bulk-${name}`, bulkRows);
    bulkPerSecond = await sendLot(tokenLine, lot);
    await removeLot(lot);
  }
  if (parts.has('single')) {
    const lot = await makeLot(workshop, `token-single-${name}`, singleRequests);
    const requests = await readRequests(lot);
    await removeLot(lot);
    single = await driveRequests(endpointOf(tokenLine), requests.map(pemOf));
  }
  run.softhsm = { bulkPerSecond, single };
}

/** One more run, as long as the last one, leaves the parts after it their time. From the start of the process. */
const isTimeForRun = ({ limitMs }: Plan, passedMs: number, lastMs: number): boolean =>
  limitMs === null || passedMs + lastMs < limitMs * SHARE_OF_RUNS;

/** Runs the parts that are compared within one run, as often as planned. Each figure is kept as it comes. */
export async function measureRuns(
  workshop: Workshop,
  plan: Plan,
  findings: Findings,
  say: (line: string) => void,
): Promise<void> {
  const cfssl = await openCfssl(workshop, plan, findings);
  const isAsked = (['ceiling', ...ON_LINE] as const).some((part) => plan.parts.has(part));
  if (!isAsked && !cfssl) return;
  const meter = await openMeter(workshop, plan);
  const line = await openServiceLine(workshop, plan, say);
  const tokenLine = await openTokenLine(workshop, plan, findings);
  const apparatus: Apparatus = { workshop, plan, meter, line, cfssl, tokenLine };
  if (line && REQUESTS.some((part) => plan.parts.has(part))) await warmUp(workshop, line, plan);
  if (tokenLine) await warmUp(workshop, tokenLine, plan);
  if (line && plan.parts.has('keys')) await warmUpKeys(workshop, line, plan);
  let lastMs = 0;
  for (let number = 1; number <= plan.runs; number++) {
    const runBegan = performance.now();
    if (number > 1 && !isTimeForRun(plan, runBegan, lastMs)) break;
    say(`run ${number} of ${plan.runs}`);
    const run = newRun();
    findings.runs.push(run);
    await measureBulk(apparatus, String(number), run);
    await measureKeys(apparatus, String(number), run);
    await measureSingles(apparatus, String(number), run);
    await measureToken(apparatus, String(number), run);
    lastMs = performance.now() - runBegan;
  }
  await Promise.all([line?.service.stop(), tokenLine?.service.stop()]);
}
