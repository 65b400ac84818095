import { type Client, segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import type { Columns } from '../list.ts';
import { LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { type ListForms, streamList } from '../stream-list.ts';
import { type Authority, authorityLines, type InFleet, pathOf } from './authority.ts';

interface OfGeneration extends InFleet {
  readonly generation: number;
}

interface Wish extends OfGeneration {
  readonly reason?: string;
  readonly withdraw: string;
  readonly cutsOff?: number;
  readonly preview?: true;
}

interface Preview {
  readonly state: string;
  readonly inTrustBundle: boolean;
  readonly cutsOff: number;
  readonly reissued: number;
}

interface Standing {
  readonly deviceId: string;
  readonly profile: string;
  readonly state: string;
  readonly authority: { readonly authority: string; readonly generation: number };
  readonly serial: string;
  readonly notAfter: string;
}

const pathOfGeneration = (authority: string, wish: OfGeneration): string =>
  `${pathOf(wish)}/${segment(authority)}/generations/${wish.generation}`;

const COLUMNS: Columns<Standing> = {
  headings: ['DEVICE', 'STATE', 'PROFILE', 'AUTHORITY', 'GENERATION', 'SERIAL', 'NOT AFTER'],
  cells: ({ deviceId, state, profile, authority, serial, notAfter }) => [
    ...[deviceId, state, profile, authority.authority, authority.generation],
    ...[serial, notAfter],
  ],
};

/** `rotate re-issue`: what stands under a generation, device by device. */
export async function reissue(
  invocation: Invocation,
  authority: string,
  { csv, ndjson, ...wish }: OfGeneration & ListForms,
): Promise<undefined> {
  const path = `${pathOfGeneration(authority, wish)}/re-issue`;
  const forms = { ...(csv ? { csv } : {}), ...(ndjson ? { ndjson } : {}) };
  await streamList(invocation, { path, query: {} }, forms, COLUMNS);
}

const devicesHave = (count: number): string => (count === 1 ? '1 device has' : `${count} devices have`);

const readPreview = (client: Client, path: string): Promise<Preview> =>
  callJson<Preview>(client, { method: 'GET', path });

/** `rotate compromise --preview`: what would be cut off. Changes nothing. */
async function showPreview(invocation: Invocation, authority: string, wish: OfGeneration): Promise<void> {
  const path = `${pathOfGeneration(authority, wish)}/compromise`;
  const found = await withClient(invocation, (client) => readPreview(client, path));
  const { cutsOff, reissued, state } = found;
  const name = `${authority}, generation ${wish.generation}`;
  await show(invocation.output, found, () =>
    [
      `${name} is ${state}. Without it ${devicesHave(cutsOff)} nothing to go on with; ${reissued} more have another certificate.`,
      `Which: fleetca rotate re-issue ${authority} --fleet ${wish.fleet} --generation ${wish.generation}`,
      `Do it: fleetca rotate compromise ${authority} --fleet ${wish.fleet} --generation ${wish.generation} --reason '…' --cuts-off ${cutsOff}`,
      '',
    ].join('\n'),
  );
}

/** `rotate compromise`. */
export async function compromise(
  invocation: Invocation,
  authority: string,
  { reason, withdraw, cutsOff, preview, ...wish }: Wish,
): Promise<undefined> {
  if (preview) {
    await showPreview(invocation, authority, wish);
    return;
  }
  if (reason === undefined || cutsOff === undefined)
    throw new LocalFailure(
      'usage',
      'Give --reason and --cuts-off; --preview says how many devices that are.',
    );
  const path = `${pathOfGeneration(authority, wish)}/compromise`;
  const body = { reason, withdrawal: withdraw, cutsOff };
  const done = await withClient(invocation, (client) => callJson<Authority>(client, postJson(path, body)));
  await show(invocation.output, done, authorityLines);
  if (invocation.output.json) return;
  const { output } = invocation;
  output.say(
    done.inTrustBundle
      ? 'It issues no more, and gateways still trust it: whoever has the key can make devices until it is withdrawn (--withdraw now).'
      : 'It issues no more, and is out of the trust bundle: gateways refuse it when they have fetched that.',
  );
  output.say(
    `Devices that need another certificate: fleetca rotate re-issue ${authority} --fleet ${wish.fleet} --generation ${wish.generation}`,
  );
}
