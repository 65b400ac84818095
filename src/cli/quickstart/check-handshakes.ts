import { bootDevice } from '../../gateway/index.ts';
import { callGateway, TLS_VERSIONS, type TlsVersion } from './call-gateway.ts';
import type { DemoGateway } from './demo-gateway.ts';
import { makeImpostors } from './impostors.ts';
import { inParallel } from './in-parallel.ts';
import type { LotRow } from './lot.ts';
import { readBundle } from './read-bundle.ts';
import { withProgress } from './terminal.ts';

const SAMPLE = 20;
const CALLS_AT_A_TIME = 4;
/** Of the sample, those that boot as the client does: seven calls each. */
const BOOTS = 5;

export interface HandshakeChecks {
  readonly devices: number;
  /** Calls of devices: each over both TLS versions. */
  readonly calls: number;
  readonly letIn: number;
  /** Devices that went through a first boot, with all the calls of the client, and those that came online. */
  readonly boots: number;
  readonly online: number;
  /** Calls of clients that had to be refused, over both TLS versions. */
  readonly impostorCalls: number;
  readonly impostorsRefused: number;
  /** One sentence for each handshake that did not end as it must. */
  readonly faults: readonly string[];
}

const NOBODY: HandshakeChecks = {
  devices: 0,
  calls: 0,
  letIn: 0,
  boots: 0,
  online: 0,
  impostorCalls: 0,
  impostorsRefused: 0,
  faults: ['no device has a certificate, so none could call the gateway'],
};

/** Evenly spaced items of a list. */
function pick<T>(items: readonly T[], count: number): readonly T[] {
  const taken = Math.min(count, items.length);
  return Array.from({ length: taken }, (_, i) => items[Math.floor((i * items.length) / taken)] as T);
}

/** Half of the sample with RSA keys, for they are few. */
export function pickSample(rows: readonly LotRow[]): readonly string[] {
  const rsa = rows.filter(({ key }) => key.kind === 'rsa-2048');
  const ec = rows.filter(({ key }) => key.kind !== 'rsa-2048');
  return [...pick(rsa, SAMPLE / 2), ...pick(ec, SAMPLE / 2)].map(({ deviceId }) => deviceId);
}

const messageOf = (failure: unknown): string =>
  failure instanceof Error ? failure.message : String(failure);

async function enter(
  gateway: DemoGateway,
  output: string,
  deviceId: string,
  version: TlsVersion,
): Promise<string | undefined> {
  const { chain, key, gatewayRoot, gatewayUrl } = await readBundle(output, deviceId);
  // The demo gateway may have had to take another port than the one in the bundle.
  if (new URL(gatewayUrl).hostname !== new URL(gateway.url).hostname)
    return `${deviceId}: gateway.url names another host`;
  try {
    const seen = await callGateway(gateway.url, version, { chain, key, gatewayRoot });
    return seen === deviceId ? undefined : `${deviceId}: the gateway took it for ${seen} (${version})`;
  } catch (failure) {
    return `${deviceId}: the gateway did not let it in (${version}): ${messageOf(failure)}`;
  }
}

/** A first boot, request after request, as the fleet in a box does it. */
async function boot(
  gateway: DemoGateway,
  output: string,
  deviceId: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { chain, key, gatewayRoot: root } = await readBundle(output, deviceId);
  const { failure } = await bootDevice({ name: deviceId, chain, key, root, url: gateway.url }, signal);
  return failure === null ? undefined : `${deviceId}: its first boot failed: ${failure}`;
}

/** Refused must mean: by the gateway's judgement of the certificate, not for any other reason. */
async function verifyRefused(
  gateway: DemoGateway,
  title: string,
  call: () => Promise<string>,
): Promise<string | undefined> {
  const before = gateway.refusals.length;
  try {
    await call();
    return `the gateway let in ${title}`;
  } catch (failure) {
    const reasons = gateway.refusals.slice(before);
    return reasons.some((reason) => CERTIFICATE_REFUSALS.test(reason))
      ? undefined
      : `${title}: the gateway did not refuse the certificate, the call failed otherwise (${[...reasons, messageOf(failure)].join(', ')})`;
  }
}

/** The gateway's codes for a chain that does not reach a trusted root, and for no chain at all. */
const CERTIFICATE_REFUSALS =
  /^(UNABLE_TO_(GET_ISSUER_CERT(_LOCALLY)?|VERIFY_LEAF_SIGNATURE)|CERT_SIGNATURE_FAILURE|SELF_SIGNED_CERT_IN_CHAIN|NO_CERTIFICATE)$/;

/**
 * Lets a sample of devices call the gateway with the files of their bundles, over TLS 1.2 and 1.3, some of them
 * boot, and then some clients call that it must not let in.
 */
export async function checkHandshakes(
  gateway: DemoGateway,
  output: string,
  sample: readonly string[],
  signal: AbortSignal,
): Promise<HandshakeChecks> {
  const [first] = sample;
  if (first === undefined) return NOBODY;
  const impostors = await makeImpostors(await readBundle(output, first), output);
  const calls = sample.flatMap((deviceId) => TLS_VERSIONS.map((version) => ({ deviceId, version })));
  const attempts = impostors.flatMap((impostor) => TLS_VERSIONS.map((version) => ({ impostor, version })));
  const booted = pick(sample, BOOTS);
  const total = calls.length + booted.length + attempts.length;
  return withProgress('Devices, and impostors, at a gateway', total, async (advance) => {
    const entries = await inParallel(calls, CALLS_AT_A_TIME, signal, async ({ deviceId, version }) => {
      const fault = await enter(gateway, output, deviceId, version);
      advance();
      return fault;
    });
    const boots = await inParallel(booted, CALLS_AT_A_TIME, signal, async (deviceId) => {
      const fault = await boot(gateway, output, deviceId, signal);
      advance();
      return fault;
    });
    // One at a time, so that the gateway's reason belongs to this client.
    const refusals = await inParallel(attempts, 1, signal, async ({ impostor, version }) => {
      const call = (): Promise<string> => callGateway(gateway.url, version, impostor.credentials);
      const fault = await verifyRefused(gateway, `${impostor.title} (${version})`, call);
      advance();
      return fault;
    });
    return {
      devices: sample.length,
      calls: calls.length,
      letIn: entries.filter((fault) => fault === undefined).length,
      boots: boots.length,
      online: boots.filter((fault) => fault === undefined).length,
      impostorCalls: attempts.length,
      impostorsRefused: refusals.filter((fault) => fault === undefined).length,
      faults: [...entries, ...boots, ...refusals].filter((fault) => fault !== undefined),
    };
  });
}
