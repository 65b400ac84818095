import type { ClientRequestArgs } from 'node:http';
import { Agent } from 'node:https';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import { findPin, findPinned, presentedChain, verifyInForce } from './pin.ts';
import type { ClientSettings } from './settings.ts';

const OPTIONS = { keepAlive: true, maxSockets: 4 } as const;

/** What the client shows of itself, PEM; nothing but where it is asked for. */
export interface Identity {
  readonly cert?: string;
  readonly key?: string;
}

type Connected = (failure: Error | null, socket: Duplex) => void;

/** Connections to whoever holds the pinned certificate, handed out only when that has been seen. */
class PinnedAgent extends Agent {
  readonly #fingerprint: string;

  constructor(fingerprint: string, identity: Identity) {
    super({ ...OPTIONS, ...identity });
    this.#fingerprint = fingerprint;
  }

  // Agent's own would compare the chain with CAs, of which there are none here.
  override createConnection(options: ClientRequestArgs, connected: Connected = () => undefined): undefined {
    const refused = (failure: Error): void => connected(failure, socket);
    const socket = connect({ ...(options as ConnectionOptions), rejectUnauthorized: false }, () => {
      try {
        const chain = presentedChain(socket);
        findPinned(chain.slice(0, 1), this.#fingerprint);
        verifyInForce(chain[0] ?? new Uint8Array(), new Date());
        socket.off('error', refused);
        connected(null, socket);
      } catch (failure) {
        socket.destroy(failure as Error);
      }
    });
    socket.once('error', refused);
    return undefined;
  }
}

/**
 * An agent whose connections lead to the service and to nobody else: the chain is verified with the CA
 * that is trusted, or the server's certificate is the pinned one.
 */
export async function trustingAgent({ url, trust }: ClientSettings, identity: Identity = {}): Promise<Agent> {
  const options = { ...OPTIONS, ...identity };
  if (trust.kind === 'system') return new Agent(options);
  if (trust.kind === 'ca') return new Agent({ ...options, ca: trust.pem });
  const pinned = await findPin(url, trust.fingerprint);
  return pinned.kind === 'ca'
    ? new Agent({ ...options, ca: pinned.pem })
    : new PinnedAgent(trust.fingerprint, identity);
}
