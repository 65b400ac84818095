import {
  checkFleet,
  type FleetAuthority,
  type FleetBundle,
  type FleetFacts,
  type FleetServer,
  readZip,
} from '../../check/index.ts';
import { systemClock } from '../../clock.ts';
import { PkiError } from '../../errors.ts';
import { checkReportLines } from '../check-report.ts';
import { type Client, segment, withClient } from '../client/client.ts';
import { callJson, readPages, readPublished, readWhole } from '../client/json.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { fetchCrls } from '../gateway/trust-options.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';

type Told = Pick<FleetFacts, 'name' | 'target' | 'gatewayUrl' | 'gatewayRoot'>;

/** The first of a list, page by page. */
async function take<T>(client: Client, path: string, most: number): Promise<readonly T[]> {
  const items: T[] = [];
  if (most === 0) return items;
  for await (const page of readPages<T>(client, path)) {
    items.push(...page);
    if (items.length >= most) break;
  }
  return items.slice(0, most);
}

/** A fleet has few, and the list ends. */
const ALL = Number.POSITIVE_INFINITY;

/** null: it may have none; '' where one is not made yet. */
async function fetchLists(client: Client, name: string): Promise<string | null> {
  try {
    return await fetchCrls(client, name);
  } catch (failure) {
    if (failure instanceof PkiError && failure.code === 'busy') return '';
    throw failure;
  }
}

/** A bundle that the service will not make is found, and no failure of ours; one that is not there is none. */
async function fetchBundle(client: Client, path: string, deviceId: string): Promise<FleetBundle | undefined> {
  const at = `${path}/devices/${segment(deviceId)}/bundle`;
  try {
    const answer = await client.send({ method: 'GET', path: at, query: { layout: 'device' } });
    return { deviceId, files: await readZip(await readWhole(client, answer)) };
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    if (failure.code === 'not-found') return undefined;
    if (failure.code === 'bundle-unfit') return { deviceId, refusal: failure.message };
    throw failure;
  }
}

async function fetchFacts(client: Client, name: string, devices: number): Promise<FleetFacts> {
  const path = `/v1/fleets/${segment(name)}`;
  const fleet = await callJson<Told>(client, { method: 'GET', path });
  const published = await readPublished(client, `/pki/${segment(name)}/trust-bundle.pem`);
  // Without a gateway there is no bundle of this layout.
  const most = fleet.gatewayUrl === null || fleet.gatewayRoot === null ? 0 : devices;
  const bundles: FleetBundle[] = [];
  for (const { deviceId } of await take<{ deviceId: string }>(client, `${path}/devices`, most))
    bundles.push(...[await fetchBundle(client, path, deviceId)].filter((one) => one !== undefined));
  return {
    ...fleet,
    authorities: (
      await callJson<{ items: FleetAuthority[] }>(client, { method: 'GET', path: `${path}/authorities` })
    ).items,
    published: published.toString('utf8'),
    crls: await fetchLists(client, name),
    servers: await take<FleetServer>(client, `${path}/servers`, ALL),
    bundles,
  };
}

/** `check fleet`: exit 3 where something of it does not work. */
export async function checkWholeFleet(
  invocation: Invocation,
  name: string,
  { devices }: { readonly devices: number },
): Promise<ExitStatus> {
  const facts = await withClient(invocation, (client) => fetchFacts(client, name, devices));
  const report = checkFleet(facts, systemClock.now());
  await show(invocation.output, { fleet: name, ...report }, checkReportLines);
  return report.verdict === 'pass' ? EXIT.done : EXIT.refusedByPolicy;
}
