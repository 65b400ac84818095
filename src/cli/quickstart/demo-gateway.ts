import { systemClock } from '../../clock.ts';
import {
  type Gateway,
  type GatewayInput,
  makeServerIdentity,
  parseTrust,
  startGateway,
} from '../../gateway/index.ts';
import type { Random } from '../../random.ts';
import type { GatewayRoot } from './gateway-root.ts';

const HOST = '127.0.0.1';
const SERVER_DAYS = 30;

export interface DemoGatewayInput {
  readonly root: GatewayRoot;
  /** The root as devices have it, PEM. */
  readonly rootPem: string;
  /** All that it trusts: the fleet root as it was published, PEM. */
  readonly fleetRoot: string;
  /** As it stands in the bundles. */
  readonly url: string;
  readonly random: Random;
}

/** The device gateway of the demonstration, in this process. */
export interface DemoGateway {
  /** Where it listens: `url`'s port, or another where that was taken. */
  readonly url: string;
  /** Why clients were refused, in order, by the gateway's codes. */
  readonly refusals: readonly string[];
  close(): Promise<void>;
}

/** Prefers the port that the bundles name; another service may have it. */
async function startSomewhere(input: GatewayInput): Promise<Gateway> {
  try {
    return await startGateway(input);
  } catch (failure) {
    if (!(failure instanceof Error && 'code' in failure && failure.code === 'EADDRINUSE')) throw failure;
    return startGateway({ ...input, port: 0 });
  }
}

/** Starts the gateway. It trusts the fleet root and nothing else. */
export async function startDemoGateway(input: DemoGatewayInput): Promise<DemoGateway> {
  const { root, rootPem, fleetRoot, url, random } = input;
  const { hostname, port } = new URL(url);
  const refusals: string[] = [];
  const identity = await makeServerIdentity({
    signer: root.signer,
    rootPem,
    names: [hostname, HOST],
    days: SERVER_DAYS,
    random,
    now: systemClock.now(),
  });
  const gateway = await startSomewhere({
    host: HOST,
    port: Number(port || 443),
    identity,
    trust: parseTrust({ trusted: fleetRoot, crls: null }),
    clock: systemClock,
    look: (event) => {
      if (event.kind === 'refused') refusals.push(event.refusal.code);
    },
  });
  return { url: `https://${hostname}:${gateway.port}`, refusals, close: () => gateway.close() };
}
