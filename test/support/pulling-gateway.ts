/** Our gateways, each of which fetches what a fleet publishes by a schedule of its own, as `fleetca gateway` does. */
import { trustSource } from '../../src/cli/gateway/trust-options.ts';
import { systemClock } from '../../src/clock.ts';
import {
  keepTrustCurrent,
  parseTrust,
  startGateway,
  type TrustFiles,
  type TrustSource,
} from '../../src/gateway/index.ts';
import type { Made } from './gateway-shop.ts';
import type { Service } from './service.ts';

export interface PullingGateway {
  readonly name: string;
  readonly port: number;
  /** Resolves when it judges by what it has fetched after now. */
  hasFetched(): Promise<void>;
  close(): Promise<void>;
}

interface Wish {
  readonly name: string;
  /** 0: any free one. */
  readonly port?: number;
  readonly everySeconds: number;
  readonly source: TrustSource;
  readonly server: Made;
}

/** What the product's command reads: over the API, the CRLs after the bundle, and no token. */
export const publishedBy = ({ apiUrl, caFile }: Service, fleet: string): TrustSource => {
  const silent = { json: true, interactive: false, stdoutIsTerminal: false } as const;
  const output = { ...silent, data: async () => undefined, say: () => undefined };
  const globals = { url: apiUrl, ...(caFile === null ? {} : { caFile }) };
  return trustSource({ globals, output }, { fleet, trusts: 'trust-bundle' });
};

/** What is never fetched anew: the files of an appliance that somebody loads once a year. */
export const loadedOnce = (files: TrustFiles): TrustSource => ({
  says: 'files that somebody has loaded',
  read: async () => files,
});

export async function startPullingGateway(wish: Wish): Promise<PullingGateway> {
  const { name, port = 0, everySeconds, source, server } = wish;
  let waiting: { readonly since: number; readonly go: () => void }[] = [];
  const watched: TrustSource = {
    says: source.says,
    read: async () => {
      const begun = performance.now();
      const files = await source.read();
      // What was read is presented before the loop comes to this.
      setImmediate(() => {
        for (const { since, go } of waiting) if (since <= begun) go();
        waiting = waiting.filter(({ since }) => since > begun);
      });
      return files;
    },
  };
  const trust = parseTrust(await source.read());
  const identity = { key: server.key.pkcs8Pem, certificate: server.pem };
  const gateway = await startGateway({ host: '127.0.0.1', port, identity, trust, clock: systemClock });
  const failures: Error[] = [];
  const stop = keepTrustCurrent(trust, {
    source: watched,
    everySeconds,
    present: (next) => gateway.present(next),
    failed: (failure) => failures.push(failure),
  });
  return {
    name,
    port: gateway.port,
    hasFetched: () =>
      new Promise((go) => {
        waiting.push({ since: performance.now(), go });
      }),
    close: async () => {
      stop();
      await gateway.close();
      if (failures.length > 0) throw new AggregateError(failures, `${name} could not fetch what it trusts`);
    },
  };
}
