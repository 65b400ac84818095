import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DeviceFiles, type Simulation, simulate } from '../../gateway/index.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { interruptible } from '../interruptible.ts';
import type { Invocation } from '../invocation.ts';
import { errnoOf, fileFailure, LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { formatFields, formatTable } from '../table.ts';

export interface SimulateOptions {
  readonly bundles: string;
  readonly devices?: number;
  readonly gateway?: string;
  readonly root?: string;
  readonly staggerMs: number;
  readonly atATime: number;
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

const report = (result: Simulation): string =>
  formatFields([
    ['devices', `${result.online} of ${result.devices} online`],
    ['handshakes', `${result.handshakes}, ${result.handshakesPerSecond} a second`],
    ['median', result.medianHandshakeMs === null ? null : `${result.medianHandshakeMs} ms a handshake`],
    ['requests', result.requests],
    ['time', `${result.seconds} s`],
  ]) +
  (result.failures.length === 0
    ? ''
    : `\n${formatTable(
        ['DEVICES', 'NOT ONLINE, FOR'],
        result.failures.map(({ failure, devices }) => [devices, failure]),
      )}`);

/** `simulate`: exit 1 where a device did not come online. */
export async function simulateFleet(invocation: Invocation, options: SimulateOptions): Promise<ExitStatus> {
  const { output } = invocation;
  const devices = await readDevices(options);
  const missing = (options.devices ?? devices.length) - devices.length;
  if (missing > 0)
    output.say(`${options.bundles} has ${devices.length} devices: ${missing} fewer than were asked for.`);
  const result = await interruptible(
    (signal) =>
      simulate({ devices, staggerMs: options.staggerMs, atATime: options.atATime, signal }).then((done) => {
        signal.throwIfAborted();
        return done;
      }),
    () => ({
      message: 'Stopped before all devices had booted.',
      hint: 'a device may be booted again at any time',
    }),
  );
  await show(output, result, report);
  return result.online === result.devices ? EXIT.done : EXIT.rowsRefused;
}
