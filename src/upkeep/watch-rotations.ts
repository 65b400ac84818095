import {
  type Act,
  allFleets,
  type CaContext,
  type Generation,
  type RotationTerms,
  recordAuthoritiesExpiring,
  recordRotationsDue,
} from '../ca/index.ts';
import type { Logger } from '../log.ts';

/** What is due is due for days: an hour is soon enough, and a start looks at once. */
const LOOK_EVERY_MS = 3_600_000;

export interface RotationWatching {
  readonly ca: CaContext;
  readonly terms: RotationTerms;
  readonly log: Logger;
}

export interface RotationWatch {
  /** Looks at all fleets. Resolves when that was tried; a failure is logged, and tried again. */
  look(): Promise<void>;
  /** Begins nothing more. Resolves when what was begun has ended. */
  stop(): Promise<void>;
}

/** Puts on record, and says in the log, which rotations have to begin and which authorities end: by one timer, for all fleets. */
export function watchRotations({ ca, terms, log }: RotationWatching): RotationWatch {
  let stopped = false;
  let work = Promise.resolve();

  const lookAtAll = async (): Promise<void> => {
    for await (const fleet of allFleets(ca)) {
      if (stopped) return;
      const act: Act = { at: ca.clock.now(), actor: { kind: 'service', id: 'service', role: 'service' } };
      const at = ({ authority, number }: Generation) => ({
        fleet: fleet.name,
        authority,
        generation: number,
      });
      for (const { generation, withinDays, notAfter } of await recordAuthoritiesExpiring(ca, act, fleet)) {
        const facts = { ...at(generation), state: generation.state, notAfter: notAfter.toISOString() };
        log.warn({ ...facts, withinDays }, 'an authority is about to end');
      }
      for (const { generation, urgency, latestStart } of await recordRotationsDue(ca, act, fleet, terms)) {
        log.warn(
          { ...at(generation), urgency, latestStart: latestStart.toISOString() },
          'a rotation has to begin',
        );
      }
    }
  };

  const look = (): Promise<void> => {
    work = work.then(lookAtAll).catch((failure: unknown) => {
      log.error({ err: failure }, 'it could not be looked which rotations are due');
    });
    return work;
  };

  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  void look();
  return {
    look,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await work;
    },
  };
}
