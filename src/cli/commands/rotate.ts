import { segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { formatTable } from '../table.ts';
import { type Authority, authorityLines, type InFleet, pathOf } from './authority.ts';

interface Wish extends InFleet {
  readonly keyAlgorithm?: string;
  readonly profile?: string;
  readonly commonName?: string;
}

interface OfGeneration extends InFleet {
  readonly generation: number;
}

interface Moved {
  readonly generation: number;
  readonly move: string;
  readonly from: string;
  readonly to: string;
  readonly at: string;
  readonly by: string;
  readonly forced: string | null;
  readonly compromise: {
    readonly reason: string;
    readonly withdrawal: string;
    readonly cutsOff: number;
  } | null;
}

interface Gateway {
  readonly generation: number;
  readonly gateway: string;
  readonly acknowledged: { readonly way: string; readonly word: string; readonly at: string } | null;
}

interface Line {
  readonly gateways: readonly Gateway[];
  readonly generations: readonly Authority[];
  readonly moves: readonly Moved[];
}

const generationsOf = (authority: string, fleet: InFleet): string =>
  `${pathOf(fleet)}/${segment(authority)}/generations`;

async function post(invocation: Invocation, path: string, body: unknown): Promise<Authority> {
  const done = await withClient(invocation, (client) => callJson<Authority>(client, postJson(path, body)));
  await show(invocation.output, done, authorityLines);
  sayWarnings(invocation.output, done.warnings);
  return done;
}

/** Says to a person what comes next. */
function advise({ output }: Invocation, sentence: string): void {
  if (!output.json) output.say(sentence);
}

/** `rotate stage`. */
export async function stage(
  invocation: Invocation,
  authority: string,
  { fleet, keyAlgorithm, profile, commonName }: Wish,
): Promise<undefined> {
  const wish = { keyAlgorithm, profile, commonName };
  const { generation } = await post(invocation, generationsOf(authority, { fleet }), wish);
  advise(
    invocation,
    `Nobody trusts it yet. Next: fleetca rotate publish ${authority} --fleet ${fleet} --generation ${generation}`,
  );
}

const move = (
  invocation: Invocation,
  authority: string,
  wish: OfGeneration,
  step: string,
  body: unknown = {},
) => post(invocation, `${generationsOf(authority, wish)}/${wish.generation}/${step}`, body);

/** `rotate publish`. */
export async function publish(
  invocation: Invocation,
  authority: string,
  wish: OfGeneration,
): Promise<undefined> {
  await move(invocation, authority, wish, 'publish');
  advise(
    invocation,
    `It is in /pki/${wish.fleet}/trust-bundle.pem. A gateway trusts it when it has read that; a root has to be registered at the OTA servers, too: fleetca publish.`,
  );
}

interface Acknowledged extends OfGeneration {
  readonly gateway?: string;
  readonly server?: string;
  readonly word?: string;
  readonly probe?: true;
}

/** Asks the fleet's gateway which CAs it accepts. Rejects where the generation is not among them. */
async function probeGateway(
  invocation: Invocation,
  authority: string,
  wish: OfGeneration,
): Promise<{ readonly gateway: string; readonly word: string }> {
  const [{ gatewayUrl }, { generations }] = await withClient(invocation, async (client) => [
    await callJson<{ gatewayUrl: string | null }>(client, {
      method: 'GET',
      path: `/v1/fleets/${segment(wish.fleet)}`,
    }),
    await callJson<Line>(client, { method: 'GET', path: generationsOf(authority, wish) }),
  ]);
  const asked = generations.find(({ generation }) => generation === wish.generation);
  if (gatewayUrl === null || asked === undefined)
    throw new LocalFailure('usage', 'The fleet has no gateway, or the authority no such generation.');
  const { subject, certificate } = asked;
  const { host, hostname, port } = new URL(gatewayUrl);
  const { askWhetherAccepted } = await import('../../check/index.ts');
  // An IPv6 address stands in brackets there.
  const name = hostname.replace(/^\[|\]$/g, '');
  const said = await askWhetherAccepted(name, port === '' ? 443 : Number(port), certificate);
  if (said.accepts) return { gateway: host, word: `it accepts ${subject}` };
  throw new LocalFailure('check-failed', `${host} does not show that it accepts ${subject}: ${said.why}.`);
}

/** `rotate destroy`. */
export async function destroy(
  invocation: Invocation,
  authority: string,
  { confirm, reason, ...wish }: OfGeneration & { readonly confirm: string; readonly reason: string },
): Promise<undefined> {
  await move(invocation, authority, wish, 'destroy', { reason, fingerprint: confirm });
  advise(invocation, 'The key is gone, and nothing is signed with it any more. There is no way back.');
}

function gatewayLines(gateways: readonly Gateway[]): string {
  if (gateways.length === 0) return '';
  return formatTable(
    ['GENERATION', 'GATEWAY', 'ACKNOWLEDGED', 'WAY', 'WORD'],
    gateways.map(({ generation, gateway, acknowledged }) => [
      ...[generation, gateway, acknowledged?.at ?? 'awaited'],
      ...[acknowledged?.way ?? null, acknowledged?.word ?? null],
    ]),
  );
}

/** `rotate acknowledge`. */
export async function acknowledge(
  invocation: Invocation,
  authority: string,
  { gateway, server, word, probe, ...wish }: Acknowledged,
): Promise<undefined> {
  const named = gateway ?? server;
  if (probe ? named !== undefined || word !== undefined : named === undefined || word === undefined)
    throw new LocalFailure('usage', 'Give --probe, or --gateway or --server with --word.');
  const said = probe
    ? { ...(await probeGateway(invocation, authority, wish)), way: 'probe' }
    : { gateway: named, word, way: 'word' };
  const path = `${generationsOf(authority, wish)}/${wish.generation}/acknowledge`;
  const done = await withClient(invocation, (client) =>
    callJson<Pick<Line, 'gateways'>>(client, postJson(path, said)),
  );
  await show(invocation.output, done, ({ gateways }) => gatewayLines(gateways));
}

/** `rotate activate`. */
export async function activate(
  invocation: Invocation,
  authority: string,
  { force, ...wish }: OfGeneration & { readonly force?: string },
): Promise<undefined> {
  const body = force === undefined ? {} : { force: { reason: force } };
  await move(invocation, authority, wish, 'activate', body);
  advise(invocation, 'It issues from now on. The one before drains: it stays trusted, and signs its CRLs.');
}

/** `rotate back`. */
export async function rollBack(
  invocation: Invocation,
  authority: string,
  wish: OfGeneration,
): Promise<undefined> {
  await move(invocation, authority, wish, 'roll-back');
}

/** `rotate retire`. */
export async function retire(
  invocation: Invocation,
  authority: string,
  wish: OfGeneration,
): Promise<undefined> {
  await move(invocation, authority, wish, 'retire');
}

/** Why it was forced, or what was decided. */
function reasonOf({ forced, compromise }: Moved): string | null {
  if (!compromise) return forced;
  const { reason, withdrawal, cutsOff } = compromise;
  return `${reason} (withdrawal ${withdrawal}, cuts off ${cutsOff})`;
}

function lineTables({ gateways, ...line }: Line): string {
  const awaited = gatewayLines(gateways);
  return awaited === '' ? stateTables(line) : `${stateTables(line)}\n${awaited}`;
}

const stateOf = ({ state, keyState }: Authority): string =>
  keyState === 'kept' ? state : `${state}, key ${keyState}`;

function stateTables({ generations, moves }: Omit<Line, 'gateways'>): string {
  const states = formatTable(
    ['GENERATION', 'STATE', 'TRUSTED', 'SUBJECT', 'NOT AFTER', 'SHA-256'],
    generations.map((one) => [
      ...[one.generation, stateOf(one), one.inTrustBundle ? 'yes' : 'no'],
      ...[one.subject, one.notAfter, one.fingerprint],
    ]),
  );
  if (moves.length === 0) return states;
  const history = formatTable(
    ['AT', 'GENERATION', 'MOVE', 'FROM', 'TO', 'BY', 'WHY'],
    moves.map((one) => [one.at, one.generation, one.move, one.from, one.to, one.by, reasonOf(one)]),
  );
  return `${states}\n${history}`;
}

/** `rotate status`. */
export async function status(invocation: Invocation, authority: string, fleet: InFleet): Promise<undefined> {
  const path = generationsOf(authority, fleet);
  const line = await withClient(invocation, (client) => callJson<Line>(client, { method: 'GET', path }));
  await show(invocation.output, line, lineTables);
}
