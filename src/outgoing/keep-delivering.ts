import { openLine } from './call.ts';
import type { DeliveryContext, Reached } from './deliver.ts';
import type { Destination } from './ports.ts';
import type { Reach } from './reach.ts';
import type { Seal } from './seal.ts';
import { isOvertaken, readAgain, type StepOutcome, takeStep } from './walk.ts';

/** How often is looked for something to tell. */
const LOOK_EVERY_MS = 1_000;
/** After a failure of our own: of the ledger, or of a secret that does not open. */
const REST_MS = 30_000;

export interface DelivererTerms extends DeliveryContext {
  readonly reach: Reach;
  readonly seal: Pick<Seal, 'open'>;
  readonly timeoutMs: number;
}

export interface Deliverer {
  /** Breaks off the calls under way, whose messages are told again by the next start. Resolves when all has ended. */
  stop(): Promise<void>;
}

/**
 * Tells every destination of what happens, each for itself, from where the ledger says that it stands: nothing
 * is kept here that another process would need.
 */
export function keepDelivering(terms: DelivererTerms): Deliverer {
  const { store, ca, log, reach, seal, timeoutMs } = terms;
  const works = new Map<string, Promise<void>>();
  const resting = new Map<string, number>();
  const ending = new AbortController();
  let looking = Promise.resolve();

  const rest = ({ id }: Destination, ms: number): void => {
    resting.set(id, ca.clock.now().getTime() + ms);
  };

  /** Steps on as long as there is something to tell, and somebody to tell it to. */
  const stepOn = async (given: Destination, reached: Omit<Reached, 'destination'>): Promise<StepOutcome> => {
    for (;;) {
      const destination = ending.signal.aborted ? undefined : await readAgain(terms, given);
      if (!destination) return 'idle';
      const came = await takeStep(terms, { ...reached, destination });
      if (came !== 'went-on') return came;
    }
  };

  const tellAll = async (given: Destination): Promise<void> => {
    const { serverCa } = given.settings;
    const line = openLine({ reach, timeoutMs, serverCa, signal: ending.signal });
    try {
      const fleet = await ca.ledger.findFleetById(given.fleetId);
      const secret = given.secret && (await seal.open(given.secret, given.id));
      const came = fleet ? await stepOn(given, { fleet, line, secret }) : 'idle';
      // What is new would not arrive either: it waits in the log.
      if (came === 'down') rest(given, 1000 * terms.retry.firstRetrySeconds);
    } finally {
      line.close();
    }
  };

  const begin = (destination: Destination): void => {
    const { id, kind, name } = destination;
    const work = tellAll(destination)
      .catch((failure: unknown) => {
        if (isOvertaken(failure) || ending.signal.aborted) return;
        rest(destination, REST_MS);
        log.error({ err: failure, destination: `${kind} ${name}` }, 'a destination could not be told');
      })
      .finally(() => works.delete(id));
    works.set(id, work);
  };

  const look = async (): Promise<void> => {
    const now = ca.clock.now().getTime();
    for (const destination of await store.listAllDestinations()) {
      const isFree = !works.has(destination.id) && (resting.get(destination.id) ?? 0) <= now;
      if (isFree && !ending.signal.aborted) begin(destination);
    }
  };

  let isLooking = false;
  let restsUntil = 0;
  const timer = setInterval(() => {
    if (isLooking || ca.clock.now().getTime() < restsUntil) return;
    isLooking = true;
    looking = look()
      .catch((failure: unknown) => {
        restsUntil = ca.clock.now().getTime() + REST_MS;
        log.error({ err: failure }, 'destinations could not be looked at');
      })
      .finally(() => {
        isLooking = false;
      });
  }, LOOK_EVERY_MS).unref();

  return {
    stop: async () => {
      clearInterval(timer);
      ending.abort();
      await looking;
      await Promise.all(works.values());
    },
  };
}
