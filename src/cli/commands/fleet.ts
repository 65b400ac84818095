import { segment, withClient } from '../client/client.ts';
import { callJson, postJson, readPages } from '../client/json.ts';
import { readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';
import { show } from '../output.ts';
import { formatFields } from '../table.ts';

interface Fleet {
  readonly name: string;
  readonly target: string;
  readonly gatewayUrl: string | null;
  readonly gatewayRoot: string | null;
  readonly createdAt: string;
}

interface NewFleet {
  readonly target: string;
  readonly gatewayUrl?: string;
  readonly gatewayRoot?: string;
}

const fleetLines = ({ name, target, gatewayUrl, gatewayRoot, createdAt }: Fleet): string =>
  formatFields([
    ['fleet', name],
    ['target', target],
    ['gateway', gatewayUrl],
    ['gateway root', gatewayRoot === null ? null : 'given'],
    ['created', createdAt],
  ]);

/** `fleet create`. */
export async function createFleet(
  invocation: Invocation,
  name: string,
  { target, gatewayUrl, gatewayRoot }: NewFleet,
): Promise<undefined> {
  const body = {
    name,
    target,
    gatewayUrl: gatewayUrl ?? null,
    gatewayRoot: gatewayRoot === undefined ? null : await readTextFile(gatewayRoot),
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
