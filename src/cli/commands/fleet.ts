import { type GatewayOfCredentials, readGateway } from '../../bundle/index.ts';
import { systemClock } from '../../clock.ts';
import { segment, withClient } from '../client/client.ts';
import { callJson, postJson, putJson, readPages } from '../client/json.ts';
import { readCredentialsFile } from '../credentials-file.ts';
import { readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';
import { LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { formatFields } from '../table.ts';

interface Fleet {
  readonly name: string;
  readonly target: string;
  readonly gatewayUrl: string | null;
  readonly gatewayRoot: string | null;
  readonly hardwareId: string | null;
  readonly pkcs11Module: string | null;
  readonly gatewayTrusts: string | null;
  readonly ostreeServer: string | null;
  readonly createdAt: string;
}

interface NewFleet {
  readonly target: string;
  readonly gatewayUrl?: string;
  readonly gatewayRoot?: string;
  readonly fromCredentials?: string;
}

const fleetLines = ({ name, target, gatewayUrl, gatewayRoot, createdAt, ...settings }: Fleet): string =>
  formatFields([
    ['fleet', name],
    ['target', target],
    ['gateway', gatewayUrl],
    ['gateway root', gatewayRoot === null ? null : 'given'],
    ['hardware ID', settings.hardwareId],
    ['PKCS#11 module', settings.pkcs11Module],
    ['gateway trusts', settings.gatewayTrusts],
    ['OSTree server', settings.ostreeServer],
    ['created', createdAt],
  ]);

/** What a credentials.zip tells of the gateway, and from where. Rejects with `usage` where that is nothing. */
async function readToldGateway({ output }: Invocation, path: string): Promise<GatewayOfCredentials> {
  const told = readGateway(await readCredentialsFile(path), systemClock.now());
  const findings = told.findings.map(({ entry, message }) => `${entry} ${message}`);
  if (told.gatewayUrl === null && told.gatewayRoot === null) {
    throw new LocalFailure('usage', `${path} tells neither the gateway's URL nor its root.`, {
      violations: findings.map((message) => ({ at: '', message })),
    });
  }
  if (!output.json) {
    output.say(
      `${path}: gateway ${told.gatewayUrl ?? 'not told'}, its root ${told.rootFrom ? `from ${told.rootFrom}` : 'not told'}`,
    );
  }
  sayWarnings(output, findings);
  return told;
}

/** `fleet create`. */
export async function createFleet(
  invocation: Invocation,
  name: string,
  { target, gatewayUrl, gatewayRoot, fromCredentials }: NewFleet,
): Promise<undefined> {
  const told = fromCredentials === undefined ? null : await readToldGateway(invocation, fromCredentials);
  const body = {
    name,
    target,
    gatewayUrl: gatewayUrl ?? told?.gatewayUrl ?? null,
    gatewayRoot: gatewayRoot === undefined ? (told?.gatewayRoot ?? null) : await readTextFile(gatewayRoot),
  };
  const fleet = await withClient(invocation, (client) =>
    callJson<Fleet>(client, postJson('/v1/fleets', body)),
  );
  await show(invocation.output, fleet, fleetLines);
  if (!invocation.output.json) {
    invocation.output.say(
      `Next: fleetca authority create root --fleet ${fleet.name} --kind root (role security)`,
    );
  }
}

/** `fleet list`. */
export async function listFleets(invocation: Invocation): Promise<undefined> {
  await withClient(invocation, (client) =>
    showList(invocation.output, readPages<Fleet>(client, '/v1/fleets'), {
      headings: ['FLEET', 'TARGET', 'GATEWAY', 'CREATED'],
      cells: ({ name, target, gatewayUrl, createdAt }) => [name, target, gatewayUrl, createdAt],
    }),
  );
}

/** `fleet show`. */
export async function showFleet(invocation: Invocation, name: string): Promise<undefined> {
  const path = `/v1/fleets/${segment(name)}`;
  const fleet = await withClient(invocation, (client) => callJson<Fleet>(client, { method: 'GET', path }));
  await show(invocation.output, fleet, fleetLines);
}

interface FleetChanges extends Partial<Omit<Fleet, 'name' | 'target' | 'createdAt'>> {
  /** Names of settings that are taken back. */
  readonly unset?: readonly string[];
}

/** `fleet set`: what is not named stays as it is. */
export async function setFleet(
  invocation: Invocation,
  name: string,
  { unset = [], gatewayRoot, ...changes }: FleetChanges,
): Promise<undefined> {
  const root = gatewayRoot == null ? {} : { gatewayRoot: await readTextFile(gatewayRoot) };
  const none = Object.fromEntries(unset.map((setting) => [setting, null]));
  const path = `/v1/fleets/${segment(name)}`;
  const fleet = await withClient(invocation, async (client) => {
    const {
      name: _n,
      target: _t,
      createdAt: _c,
      ...now
    } = await callJson<Fleet>(client, { method: 'GET', path });
    return callJson<Fleet>(client, putJson(`${path}/settings`, { ...now, ...none, ...changes, ...root }));
  });
  await show(invocation.output, fleet, fleetLines);
}
