import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from '../exit-status.ts';
import type { Invocation } from '../invocation.ts';
import { listenForStop } from '../quickstart/stop-signal.ts';
import { formatReport } from './bench-table.ts';
import { type Findings, noFindings, type Run } from './findings.ts';
import { makeLot, readRequests, removeLot } from './lot.ts';
import { describeMachine } from './machine.ts';
import { measureGrowth } from './measure-growth.ts';
import { measureMemory } from './measure-memory.ts';
import { measureRuns } from './measure-runs.ts';
import { isInstalled } from './peers/installed.ts';
import { paceOfOpenssl } from './peers/openssl.ts';
import { type BenchFlags, PARTS, type Part, PEERS, type Peer, type Plan, planBench } from './plan.ts';
import { makeReport } from './report.ts';
import { Workshop } from './workshop.ts';

/** As a shell reports a process that SIGINT ended: 128 + 2. */
const STOPPED = 130;

type Say = (line: string) => void;

async function findOpenssl(workshop: Workshop, plan: Plan, findings: Findings): Promise<void> {
  if (!plan.peers.has('openssl')) return;
  if (await isInstalled('openssl', 'version')) {
    const lot = await makeLot(workshop, 'openssl', plan.opensslRequests);
    findings.opensslPerSecond = await paceOfOpenssl(workshop, await readRequests(lot));
    await removeLot(lot);
  } else {
    findings.reasons.set('openssl', 'openssl is not installed');
  }
}

async function findMemory(workshop: Workshop, plan: Plan, findings: Findings): Promise<void> {
  findings.memory = await measureMemory(workshop, plan);
  if (!findings.memory) findings.reasons.set('memory', 'this system has no /proc to read it from');
}

async function findGrowth(workshop: Workshop, plan: Plan, findings: Findings, say: Say): Promise<void> {
  const found = await measureGrowth(workshop, plan, say);
  if (typeof found === 'string') findings.reasons.set('growth', found);
  else findings.growth = found;
}

/** Measures part by part; each is kept as it ends. */
async function measure(workshop: Workshop, plan: Plan, findings: Findings, say: Say): Promise<void> {
  const { parts } = plan;
  await measureRuns(workshop, plan, findings, say);
  await findOpenssl(workshop, plan, findings);
  if (parts.has('memory')) {
    say(`memory: a lot of ${plan.memoryRows} rows`);
    await findMemory(workshop, plan, findings);
  }
  if (parts.has('growth')) {
    say(`growth: stores of ${plan.grownFrom} and of ${plan.grownTo} certificates`);
    await findGrowth(workshop, plan, findings, say);
  }
}

/** What is there, by the name under which it is asked for. */
function foundIn({ runs, memory, growth, opensslPerSecond }: Findings): Record<Part | Peer, boolean> {
  const inRuns = (key: keyof Run): boolean => runs.some((run) => run[key] !== null);
  return {
    ceiling: inRuns('ceiling'),
    bulk: inRuns('bulkPerSecond'),
    single: inRuns('single'),
    cfssl: inRuns('cfssl'),
    memory: memory !== null,
    growth: growth !== null,
    keys: inRuns('keys'),
    softhsm: inRuns('softhsm'),
    openssl: opensslPerSecond !== null,
  };
}

/** Why a part is not there that has not said so itself. */
function gapOf(part: Part | Peer, { parts, peers, limitMs }: Plan): string {
  if (parts.has(part as Part) || peers.has(part as Peer)) return 'the time of --quick was up';
  if (PEERS.some((peer) => peer === part)) return `not asked for: --peer ${part}`;
  return part === 'growth' && limitMs !== null ? '--quick leaves it out' : 'not asked for: --only';
}

function explainGaps(findings: Findings, plan: Plan): void {
  const found = foundIn(findings);
  for (const part of [...PARTS, ...PEERS]) {
    if (!found[part] && !findings.reasons.has(part)) findings.reasons.set(part, gapOf(part, plan));
  }
}

/** When the plan says that it is enough, counted from the start of the process; never where it does not. */
async function timeUp({ limitMs }: Plan): Promise<'time up'> {
  if (limitMs === null) return new Promise(() => undefined);
  return sleep(limitMs - performance.now(), 'time up' as const, { ref: false });
}

/** `bench`: measures this machine and this program; the table on stderr, one line of JSON on stdout. */
export async function runBench({ output }: Invocation, flags: BenchFlags): Promise<number> {
  const plan = planBench(flags);
  const findings = noFindings();
  const stop = listenForStop();
  const workshop = new Workshop();
  try {
    const machine = await describeMachine(workshop.folder);
    const work = measure(workshop, plan, findings, output.say).then(() => 'done' as const);
    // Where it was stopped, its children are killed under it, and it fails in its own way.
    work.catch(() => undefined);
    const stopped = stop.asked.then(() => 'stopped' as const);
    const end = await Promise.race([work, timeUp(plan), stopped]);
    if (end === 'stopped') {
      output.say('Stopped before the end.');
      return STOPPED;
    }
    explainGaps(findings, plan);
    const report = makeReport(findings, plan, machine, new Date());
    output.say(`\n${formatReport(report).trimEnd()}`);
    await output.data(`${JSON.stringify(report)}\n`);
    return EXIT.done;
  } finally {
    await workshop.close();
    stop.release();
  }
}
