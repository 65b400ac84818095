import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { TlsCredentials } from './tls-credentials.ts';

/** How often credentials are looked at. */
const LOOK_EVERY_MS = 60_000;

export interface TlsKeeping {
  /** Hands other credentials to the listeners. */
  readonly present: (credentials: TlsCredentials) => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Gives other credentials where it is time for them; the same object where it is not. */
  readonly renew: (current: TlsCredentials, now: Date) => Promise<TlsCredentials>;
}

/** True when less than a third of the certificate's life is left. */
export const isRenewalDue = ({ notBefore, notAfter }: TlsCredentials, now: Date): boolean =>
  notAfter.getTime() - now.getTime() < (notAfter.getTime() - notBefore.getTime()) / 3;

/**
 * Swaps the listeners' credentials when it is time, without touching a connection: those that are open
 * keep theirs, new ones get the new. A renewal that fails is logged and tried again a minute later; the
 * old credentials stay. The answer stops it.
 */
export function keepTlsCurrent(
  first: TlsCredentials,
  { present, clock, log, renew }: TlsKeeping,
): () => void {
  let current = first;
  const look = async (): Promise<void> => {
    try {
      const next = await renew(current, clock.now());
      if (next === current) return;
      present(next);
      current = next;
      log.info(
        { notAfter: next.notAfter.toISOString(), pin: next.pin },
        "the service's certificate was renewed",
      );
    } catch (failure) {
      const ends = current.notAfter.toISOString();
      log.error(
        { err: failure, ends },
        "the service's certificate could not be renewed; the old one stays in use",
      );
    }
  };
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
