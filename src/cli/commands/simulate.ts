import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type DeviceFiles, type Simulation, simulate } from '../../gateway/index.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { interruptible } from '../interruptible.ts';
import type { Invocation } from '../invocation.ts';
import { errnoOf, fileFailure, LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { formatFields, formatTable } from '../table.ts';
import { NO_RENEWALS, type Renewals, renewDue } from './simulate-renewals.ts';

export interface SimulateOptions {
  readonly bundles: string;
  readonly devices?: number;
  readonly gateway?: string;
  readonly root?: string;
  readonly staggerMs: number;
  readonly atATime: number;
  readonly rounds: number;
  /** Seconds between the starts of two rounds. */
  readonly every: number;
  readonly renewAt?: string;
  readonly renewCa?: string;
  readonly fleet?: string;
}

/** A round: renewals, then boots with what lies on disk after them. */
interface Round extends Simulation, Renewals {
  /** From 1. */
  readonly round: number;
  /** Devices that found other files on disk than when they had read them last. */
  readonly rereads: number;
}

/** A device's folder; undefined where it is none: no chain, or no key. */
async function readDevice(folder: string, name: string): Promise<DeviceFiles | undefined> {
  const read = (file: string): Promise<string> => readFile(join(folder, name, file), 'utf8');
  const orNothing = (file: string): Promise<string> =>
    read(file).catch((failure: unknown) => {
      if (['ENOENT', 'ENOTDIR'].includes(errnoOf(failure) ?? '')) return '';
      throw fileFailure(join(folder, name, file), failure);
    });
  const [chain, key] = [await orNothing('client.pem'), await orNothing('pkey.pem')];
  if (chain === '' || key === '') return undefined;
  return { name, chain, key, root: await orNothing('root.crt'), url: await orNothing('gateway.url') };
}

/** The first so many devices of a folder, by name. Rejects with `usage` where there is none, or no way to call. */
async function readDevices({
  bundles,
  devices,
  gateway,
  root,
}: SimulateOptions): Promise<readonly DeviceFiles[]> {
  const names = await readdir(bundles).catch((failure: unknown) => {
    throw fileFailure(bundles, failure);
  });
  const given =
    root === undefined
      ? undefined
      : await readFile(root, 'utf8').catch((failure: unknown) => {
          throw fileFailure(root, failure);
        });
  const found: DeviceFiles[] = [];
  for (const name of names.sort()) {
    if (found.length === (devices ?? Number.POSITIVE_INFINITY)) break;
    const own = await readDevice(bundles, name);
    if (own) found.push({ ...own, url: gateway ?? own.url, root: given ?? own.root });
  }
  const [first] = found;
  if (!first) {
    throw new LocalFailure('usage', `${bundles} holds no folder with client.pem and pkey.pem.`, {
      hint: 'name the folder that has one for each device, as the quickstart writes them: quickstart-out/devices',
    });
  }
  if (found.some(({ url }) => url === '')) {
    throw new LocalFailure('usage', 'A bundle has no gateway.url.', {
      hint: 'name the gateway with --gateway',
    });
  }
  return found;
}

const countTable = (title: string, counts: readonly (readonly [number, string])[]): string =>
  counts.length === 0 ? '' : `\n${formatTable(['DEVICES', title], counts)}`;

const report = (result: Round, rounds: number): string =>
  formatFields([
    ['round', rounds === 1 ? null : `${result.round} of ${rounds}`],
    ['devices', `${result.online} of ${result.devices} online`],
    ['handshakes', `${result.handshakes}, ${result.handshakesPerSecond} a second`],
    ['median', result.medianHandshakeMs === null ? null : `${result.medianHandshakeMs} ms a handshake`],
    ['requests', result.requests],
    ['renewals', result.renewals],
    ['re-reads', result.rereads],
    ['time', `${result.seconds} s`],
  ]) +
  countTable(
    'NOT ONLINE, FOR',
    result.failures.map(({ failure, devices }) => [devices, failure]),
  ) +
  countTable(
    'NOT RENEWED, FOR',
    result.renewalsRefused.map(({ reason, devices }) => [devices, reason]),
  );

/** How many have other files than before. One that was not there before has read nothing anew. */
function countRereads(before: readonly DeviceFiles[], now: readonly DeviceFiles[]): number {
  const known = new Map(before.map((files) => [files.name, files]));
  return now.filter((files) => {
    const old = known.get(files.name);
    return (
      old !== undefined &&
      (['chain', 'key', 'root', 'url'] as const).some((file) => old[file] !== files[file])
    );
  }).length;
}

/** The fleet and the URL to renew at; undefined: they do not renew. Rejects with `usage` where half is said. */
function renewalWish({ renewAt, renewCa, fleet }: SimulateOptions) {
  if (renewAt === undefined && renewCa === undefined && fleet === undefined) return undefined;
  if (renewAt !== undefined && fleet !== undefined) return { at: renewAt, fleet };
  throw new LocalFailure('usage', 'Devices renew where --renew-at and --fleet are both given.');
}

async function playRounds(
  invocation: Invocation,
  options: SimulateOptions,
  first: readonly DeviceFiles[],
  signal: AbortSignal,
): Promise<ExitStatus> {
  const { output, globals } = invocation;
  const { staggerMs, atATime, rounds, renewCa } = options;
  const wish = renewalWish(options);
  const renewing = { globals: renewCa === undefined ? globals : { ...globals, caFile: renewCa }, output };
  let present = first;
  let isGood = true;
  for (let round = 1; round <= rounds; round++) {
    const next = performance.now() + options.every * 1000;
    // 1. Those in their window replace what lies in their folders.
    const renewals = wish
      ? await renewDue(renewing, { ...wish, folder: options.bundles, devices: present, atATime, signal })
      : NO_RENEWALS;
    // 2. All take what lies there now, whoever replaced it: as the client imports when it starts.
    const devices = await readDevices(options);
    const rereads = countRereads(present, devices);
    present = devices;
    // 3. They boot.
    const boots = await simulate({ devices, staggerMs, atATime, signal });
    signal.throwIfAborted();
    const result: Round = { round, ...boots, ...renewals, rereads };
    if (result.online < result.devices || renewals.renewalsRefused.length > 0) isGood = false;
    await show(output, result, (value) => `${round === 1 ? '' : '\n'}${report(value, rounds)}`);
    if (round < rounds) await pause(Math.max(0, next - performance.now()), undefined, { signal });
  }
  return isGood ? EXIT.done : EXIT.rowsRefused;
}

/** `simulate`: exit 1 where a device did not come online, or was refused a renewal. */
export async function simulateFleet(invocation: Invocation, options: SimulateOptions): Promise<ExitStatus> {
  const { output } = invocation;
  const devices = await readDevices(options);
  const missing = (options.devices ?? devices.length) - devices.length;
  if (missing > 0)
    output.say(`${options.bundles} has ${devices.length} devices: ${missing} fewer than were asked for.`);
  return interruptible(
    (signal) => playRounds(invocation, options, devices, signal),
    () => ({
      message: 'Stopped before all devices had booted.',
      hint: 'a device may be booted again at any time',
    }),
  );
}
