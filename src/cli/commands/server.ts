import { type Client, segment, withClient } from '../client/client.ts';
import { callJson, postJson, putJson, readPages } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';
import { show } from '../output.ts';

export interface ServerRoot {
  readonly generation: number;
  readonly state: string;
  readonly note: string | null;
  readonly changedAt: string;
  readonly changedBy: string;
}

/** An OTA server, as the service keeps it. */
export interface Server {
  readonly name: string;
  readonly kind: 'ota-connect' | 'ota-ce' | 'aws-iot' | 'azure-dps';
  readonly roots: readonly ServerRoot[];
}

interface InFleet {
  readonly fleet: string;
}

const pathOf = ({ fleet }: InFleet): string => `/v1/fleets/${segment(fleet)}/servers`;

export const serverPath = (fleet: string, name: string): string => `${pathOf({ fleet })}/${segment(name)}`;

/** Says how far a root has come. */
export const sayRootState = (
  client: Client,
  {
    fleet,
    server,
    generation,
  }: { readonly fleet: string; readonly server: string; readonly generation: number },
  said: { readonly state: string; readonly note?: string | undefined },
): Promise<Server> =>
  callJson<Server>(client, putJson(`${serverPath(fleet, server)}/roots/${generation}`, said));

/** `server add`. */
export async function addServer(
  invocation: Invocation,
  name: string,
  { fleet, kind }: InFleet & { readonly kind: string },
): Promise<undefined> {
  const { output } = invocation;
  const call = postJson(pathOf({ fleet }), { name, kind });
  const added = await withClient(invocation, (client) => callJson<Server>(client, call));
  await show(output, added, () => '');
  if (!output.json) output.say(`Next: fleetca publish ${fleet} --server ${name} --out hand-over`);
}

/** `server list`. */
export async function listServers(invocation: Invocation, fleet: InFleet): Promise<undefined> {
  await withClient(invocation, (client) =>
    showList(invocation.output, readPages<Server>(client, pathOf(fleet)), {
      headings: ['SERVER', 'KIND', 'ROOT'],
      cells: ({ name, kind, roots }) => [
        name,
        kind,
        roots
          .map(
            ({ generation, state, changedAt, changedBy }) =>
              `G${generation} ${state} ${changedAt} by ${changedBy}`,
          )
          .join('; ') || 'nothing said',
      ],
    }),
  );
}

/** `server mark`. */
export async function markServer(
  invocation: Invocation,
  server: string,
  {
    fleet,
    state,
    generation,
    note,
  }: InFleet & { readonly state: string; readonly generation: number; readonly note?: string },
): Promise<undefined> {
  const { output } = invocation;
  const said = await withClient(invocation, (client) =>
    sayRootState(client, { fleet, server, generation }, { state, note }),
  );
  await show(output, said, () => '');
  if (!output.json) output.say(`Generation ${generation} of the root of ${fleet} is ${state} at ${server}.`);
}
