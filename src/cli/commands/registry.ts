import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiCall, type Client, segment, withClient } from '../client/client.ts';
import { callJson, putJson, readWhole } from '../client/json.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { readPassphraseFile, readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';
import { formatFields } from '../table.ts';
import { batchPath } from './batch-record.ts';
import type { Delivery } from './delivery.ts';

interface InFleet {
  readonly fleet: string;
}

interface Registry extends InFleet {
  readonly url: string;
  readonly namespace: string;
  readonly deviceType: string;
  readonly deviceIdLabel: string | null;
  readonly deviceNameLabel: string | null;
  readonly serverCa: string | null;
  readonly hasToken: boolean;
  readonly createdAt: string;
}

const pathOf = ({ fleet }: InFleet): string => `/v1/fleets/${segment(fleet)}/registry`;

const registryLines = (registry: Registry): string =>
  formatFields([
    ['registry', registry.url],
    ['fleet', registry.fleet],
    ['namespace', registry.namespace],
    ['device type', registry.deviceType],
    ['deviceId', registry.deviceIdLabel === null ? 'the common name' : `label ${registry.deviceIdLabel}`],
    [
      'deviceName',
      registry.deviceNameLabel === null ? 'the common name' : `label ${registry.deviceNameLabel}`,
    ],
    ['certified by', registry.serverCa === null ? 'a public CA' : 'a CA of its own'],
    ['token', registry.hasToken ? 'sent' : 'none'],
    ['since', registry.createdAt],
  ]);

interface SetOptions extends InFleet {
  readonly registry: string;
  readonly namespace: string;
  readonly deviceType: string;
  readonly deviceIdLabel?: string;
  readonly deviceNameLabel?: string;
  readonly serverCa?: string;
  readonly registryTokenFile?: string;
}

/** `registry set`. */
export async function setRegistry(
  invocation: Invocation,
  { fleet, registry: url, serverCa, registryTokenFile, ...terms }: SetOptions,
): Promise<undefined> {
  const wish = {
    url,
    ...terms,
    ...(serverCa === undefined ? {} : { serverCa: await readTextFile(serverCa) }),
    ...(registryTokenFile === undefined ? {} : { token: await readPassphraseFile(registryTokenFile) }),
  };
  const set = await withClient(invocation, (client) =>
    callJson<Registry>(client, putJson(pathOf({ fleet }), wish)),
  );
  await show(invocation.output, set, registryLines);
}

/** `registry show`. */
export async function showRegistry(invocation: Invocation, fleet: InFleet): Promise<undefined> {
  const call = { method: 'GET', path: pathOf(fleet) } as const;
  const registry = await withClient(invocation, (client) => callJson<Registry>(client, call));
  await show(invocation.output, registry, registryLines);
}

/** `registry remove`. */
export async function removeRegistry(invocation: Invocation, fleet: InFleet): Promise<undefined> {
  const call = { method: 'DELETE', path: pathOf(fleet) } as const;
  await withClient(invocation, async (client) => readWhole(client, await client.send(call)));
  invocation.output.say(`Devices of ${fleet.fleet} are registered no more.`);
}

const POLL_MS = 500;

/** Asks until it is done, or the time is over; gives the last answer. */
async function waitFor<T>(
  client: Client,
  call: ApiCall,
  seconds: number,
  isDone: (answer: T) => boolean,
): Promise<T> {
  const end = Date.now() + 1000 * seconds;
  for (;;) {
    const answer = await callJson<T>(client, call);
    if (isDone(answer) || Date.now() >= end) return answer;
    await sleep(POLL_MS);
  }
}

interface Registration {
  readonly deviceId: string;
  readonly registered: { readonly at: string; readonly certificate: string | null } | null;
  readonly delivery: Delivery | null;
}

const isSettled = ({ delivery }: Registration): boolean => delivery === null || delivery.state === 'dead';

const registrationLines = ({ deviceId, registered, delivery }: Registration): string =>
  formatFields([
    ['device', deviceId],
    ['registered', registered?.at ?? 'never'],
    ['certificate', registered?.certificate ?? null],
    ['waits', delivery ? `${delivery.state}: ${delivery.lastError ?? 'not tried yet'}` : 'nothing'],
  ]);

/** `device register`. */
export async function registerDevice(
  invocation: Invocation,
  deviceId: string,
  { fleet, wait }: InFleet & { readonly wait: number },
): Promise<ExitStatus> {
  const path = `/v1/fleets/${segment(fleet)}/devices/${segment(deviceId)}/registration`;
  const settled = await withClient(invocation, async (client) => {
    await callJson(client, { method: 'POST', path, isRepeatable: true });
    return waitFor<Registration>(client, { method: 'GET', path }, wait, isSettled);
  });
  await show(invocation.output, settled, registrationLines);
  if (settled.delivery === null) return EXIT.done;
  return settled.delivery.state === 'dead' ? EXIT.rowsRefused : EXIT.tryAgain;
}

interface LotRegistration {
  readonly batch: string;
  readonly state: 'pending' | 'done';
  readonly after: number;
  readonly lastSeq: number;
}

/** `batch register`. */
export async function registerBatch(
  invocation: Invocation,
  id: string,
  { wait }: { readonly wait: number },
): Promise<ExitStatus> {
  const path = `${batchPath(id)}/registration`;
  const told = await withClient(invocation, async (client) => {
    await callJson(client, { method: 'POST', path, isRepeatable: true });
    return waitFor<LotRegistration>(client, { method: 'GET', path }, wait, ({ state }) => state === 'done');
  });
  await show(invocation.output, told, ({ batch, state, after, lastSeq }) =>
    formatFields([
      ['batch', batch],
      ['registration', state],
      ['outcomes', `${after} of ${lastSeq}`],
    ]),
  );
  if (told.state === 'pending') return EXIT.tryAgain;
  if (!invocation.output.json)
    invocation.output.say('What the registry did not take is listed by: fleetca delivery list');
  return EXIT.done;
}
