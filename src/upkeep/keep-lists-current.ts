import {
  type Act,
  allFleets,
  type CaContext,
  type Fleet,
  type Generation,
  hasLists,
  type ListTerms,
  makeListIfDue,
  offlineListWarnings,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import type { Logger } from '../log.ts';

/** How often all fleets are looked at. */
const LOOK_EVERY_MS = 60_000;
/** After a revocation: those that follow it closely go into one list. */
const SOON_MS = 1_000;
/** A list that takes long, because it is long, is made less often: a tenth of the time at most. */
const REST = 9;

/** Makes CRLs where they are due. What is due is read from the ledger: another process would find the same. */
export interface ListKeeper {
  /** Makes those of a fleet that are due. Resolves when that was tried; a failure is logged, and tried again. */
  look(fleet: Fleet): Promise<void>;
  /** The same of all fleets, a moment from now. */
  soon(): void;
  /** Begins nothing more. Resolves when what was begun has ended. */
  stop(): Promise<void>;
}

export interface ListKeeping {
  readonly ca: CaContext;
  readonly terms: ListTerms;
  readonly log: Logger;
}

/** Keeps the CRLs of all fleets current, by one timer. One after the other: a list may be long. */
export function keepListsCurrent({ ca, terms, log }: ListKeeping): ListKeeper {
  let stopped = false;
  let work = Promise.resolve();
  let soon: NodeJS.Timeout | undefined;
  let restMs = 0;
  const warned = new Map<string, string>();

  /** People are told again each day, and when it is said otherwise. */
  const warnOnce = (facts: Readonly<Record<string, unknown>>, warning: string, now: Date): void => {
    const said = `${now.toISOString().slice(0, 10)} ${JSON.stringify(facts)} ${warning}`;
    const key = JSON.stringify(facts);
    if (warned.get(key) === said) return;
    warned.set(key, said);
    log.warn(facts, warning);
  };

  const makeOne = async (fleet: Fleet, generation: Generation): Promise<void> => {
    const facts = { fleet: fleet.name, authority: generation.authority, generation: generation.number };
    const act: Act = { at: ca.clock.now(), actor: { kind: 'service', id: 'service', role: 'service' } };
    try {
      for (const warning of await offlineListWarnings(ca, generation, act.at))
        warnOnce(facts, warning, act.at);
      const made = await makeListIfDue(ca, act, generation, terms);
      if (!made) return;
      restMs = Math.max(restMs, REST * (ca.clock.now().getTime() - act.at.getTime()));
      const { number, entries, nextUpdate } = made;
      log.info({ ...facts, number, entries, nextUpdate: nextUpdate.toISOString() }, 'a CRL was made');
    } catch (failure) {
      // Another replica was quicker: what it makes is as good.
      if (failure instanceof PkiError && failure.code === 'busy') return;
      log.error({ err: failure, ...facts }, 'a CRL could not be made; the one before stays published');
    }
  };

  const lookAt = async (fleet: Fleet): Promise<void> => {
    const generations = await ca.ledger.listGenerations(fleet.id);
    for (const generation of generations.filter(hasLists)) if (!stopped) await makeOne(fleet, generation);
  };

  const then = (doing: () => Promise<void>): Promise<void> => {
    work = work.then(doing).catch((failure: unknown) => {
      log.error({ err: failure }, 'the CRLs could not be looked at');
    });
    return work;
  };

  const lookAtAll = async (): Promise<void> => {
    restMs = 0;
    for await (const fleet of allFleets(ca)) {
      if (stopped) return;
      await lookAt(fleet);
    }
  };

  const timer = setInterval(() => void then(lookAtAll), LOOK_EVERY_MS).unref();
  void then(lookAtAll);
  return {
    look: (fleet) => then(() => lookAt(fleet)),
    soon: () => {
      if (stopped) return;
      soon ??= setTimeout(() => {
        soon = undefined;
        void then(lookAtAll);
      }, SOON_MS + restMs).unref();
    },
    stop: () => {
      stopped = true;
      clearInterval(timer);
      clearTimeout(soon);
      return work;
    },
  };
}
