import { systemClock } from '../../clock.ts';
import {
  type Gateway,
  type GatewayEvent,
  keepTrustCurrent,
  makeServerIdentity,
  type ServerIdentity,
  startGateway,
  startStatusSite,
  type Trust,
  trustWarnings,
} from '../../gateway/index.ts';
import { systemRandom } from '../../random.ts';
import { readTextFile } from '../files.ts';
import { eventJson, eventLines } from '../gateway/event-lines.ts';
import { startLiveView } from '../gateway/live-view.ts';
import { openOwnRoot } from '../gateway/own-root.ts';
import { readTrust, type TrustOptions, trustSource } from '../gateway/trust-options.ts';
import type { Invocation } from '../invocation.ts';
import { errnoOf, LocalFailure } from '../local-failure.ts';
import type { Output } from '../output.ts';
import { listenForStop } from '../quickstart/stop-signal.ts';
import { formatFields } from '../table.ts';

export interface GatewayOptions extends TrustOptions {
  readonly host: string;
  readonly port: number;
  readonly statusPort: number | 'off';
  readonly name?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly ownRoot: string;
  readonly pollSeconds: number;
  readonly onlineSeconds: number;
}

/** A gateway that was started anew has a new certificate; one that runs for longer has to be started again. */
const SERVER_DAYS = 397;

interface Identity extends ServerIdentity {
  /** What devices need as root.crt; null: the operator knows. */
  readonly rootFile: string | null;
}

async function openIdentity(options: GatewayOptions, output: Output): Promise<Identity> {
  const { cert, key, ownRoot, host } = options;
  if (cert !== undefined && key !== undefined) {
    return { certificate: await readTextFile(cert), key: await readTextFile(key), rootFile: null };
  }
  if (cert !== undefined || key !== undefined) {
    throw new LocalFailure('usage', '--cert and --key belong together.');
  }
  const root = await openOwnRoot(ownRoot, systemRandom, systemClock.now());
  if (root.isNew) output.say(`Made a server root: devices need ${root.file} as root.crt.`);
  const identity = await makeServerIdentity({
    signer: root.signer,
    rootPem: root.pem,
    names: [...new Set([...(options.name ?? []), 'localhost', host, '127.0.0.1'])],
    days: SERVER_DAYS,
    random: systemRandom,
    now: systemClock.now(),
  });
  return { ...identity, rootFile: root.file };
}

/** What the operator has to put right before it can listen. */
function startFailure(failure: unknown, port: number | string, flag: string): unknown {
  if (errnoOf(failure) === 'EADDRINUSE') {
    const hint = `stop what listens there, or choose another with ${flag} (0: any free one)`;
    return new LocalFailure('address-in-use', `Port ${port} is taken by another program.`, {
      hint,
      cause: failure,
    });
  }
  if (errnoOf(failure)?.startsWith('ERR_OSSL') || errnoOf(failure)?.startsWith('ERR_SSL')) {
    return new LocalFailure('usage', 'OpenSSL does not take what the gateway is to present or to trust.', {
      hint: 'look whether --cert and --key are PEM and belong together',
      cause: failure,
    });
  }
  return failure;
}

interface Told {
  readonly url: string;
  readonly statusUrl: string | null;
  readonly rootFile: string | null;
  readonly trusts: string;
}

async function announce(output: Output, told: Told, trust: Trust): Promise<void> {
  const warnings = trustWarnings(trust, systemClock.now());
  if (output.json) {
    const at = systemClock.now().toISOString();
    await output.data(`${JSON.stringify({ at, kind: 'listening', ...told, warnings })}\n`);
    return;
  }
  const fields = formatFields([
    ['gateway', told.url],
    ['status', told.statusUrl ?? 'off'],
    ['trusts', told.trusts],
    ['root.crt', told.rootFile ?? 'that of your own certificate'],
  ]);
  output.say(fields.trimEnd());
  for (const warning of warnings) output.say(`warning: ${warning}`);
}

/** Where events go: lines of JSON, a view that is drawn anew, or a line for each that matters. */
function showEvents(
  output: Output,
  gateway: Gateway,
): { show: (event: GatewayEvent) => void; stop: () => void } {
  if (output.json) {
    const show = (event: GatewayEvent): void =>
      void output.data(`${JSON.stringify(eventJson(event, systemClock.now()))}\n`);
    return { show, stop: () => undefined };
  }
  if (output.interactive) {
    const view = startLiveView(gateway, `fleetca gateway at ${gateway.url}, until Ctrl-C`, process.stderr);
    return { show: () => view.due(), stop: () => view.stop() };
  }
  const show = (event: GatewayEvent): void => {
    for (const line of eventLines(event, systemClock.now())) output.say(line);
  };
  return { show, stop: () => undefined };
}

/** `gateway`: runs the reference device gateway until it is told to end. */
export async function runGateway(
  { output, ...invocation }: Invocation,
  options: GatewayOptions,
): Promise<undefined> {
  const source = trustSource({ output, ...invocation }, options);
  const trust = await readTrust(source);
  const { rootFile, ...identity } = await openIdentity(options, output);
  const stop = listenForStop();
  let show = (_event: GatewayEvent): void => undefined;
  const { host, port, statusPort, onlineSeconds } = options;
  const listening = { host, port, identity, trust, clock: systemClock, onlineSeconds };
  const gateway = await startGateway({ ...listening, look: (event) => show(event) }).catch(
    (failure: unknown) => {
      throw startFailure(failure, port, '--port');
    },
  );
  const closers: (() => Promise<void> | void)[] = [() => gateway.close(), stop.release];
  try {
    const status =
      statusPort === 'off'
        ? null
        : await startStatusSite(gateway, statusPort, systemClock).catch((failure: unknown) => {
            throw startFailure(failure, statusPort, '--status-port');
          });
    if (status) closers.unshift(() => status.close());
    closers.unshift(
      keepTrustCurrent(trust, {
        source,
        everySeconds: options.pollSeconds,
        present: (next) => gateway.present(next),
        failed: ({ message }) => output.say(`What the gateway trusts cannot be read anew: ${message}`),
      }),
    );
    const told = { url: gateway.url, statusUrl: status?.url ?? null, rootFile, trusts: source.says };
    await announce(output, told, trust);
    const events = showEvents(output, gateway);
    show = events.show;
    closers.unshift(events.stop);
    await stop.asked;
  } finally {
    for (const close of closers) await close();
  }
}
