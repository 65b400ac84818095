import { type Act, allFleets, type CaContext, type Fleet, succeedRegistrationCa } from '../ca/index.ts';
import type { Logger } from '../log.ts';

/** Years are left when the first look finds one due. */
const LOOK_EVERY_MS = 60 * 60_000;

/**
 * Gives registration CAs a successor in time, at the start and every hour. What fails is logged and tried again. The
 * answer begins nothing more, and resolves when what was begun has ended.
 */
export function keepRegistrationCas(ca: CaContext, log: Logger): () => Promise<void> {
  let stopped = false;

  const lookAt = async (fleet: Fleet): Promise<void> => {
    const act: Act = { at: ca.clock.now(), actor: { kind: 'service', id: 'service', role: 'service' } };
    try {
      const generations = await ca.ledger.listGenerations(fleet.id);
      const next = await succeedRegistrationCa(ca, act, fleet, generations);
      if (!next) return;
      const facts = { fleet: fleet.name, authority: next.authority, generation: next.number };
      log.info(facts, 'a registration CA was renewed; the one before drains');
    } catch (failure) {
      log.error({ err: failure, fleet: fleet.name }, 'the registration CA could not be renewed');
    }
  };

  const lookAtAll = async (): Promise<void> => {
    for await (const fleet of allFleets(ca)) {
      if (stopped) return;
      await lookAt(fleet);
    }
  };

  let work = Promise.resolve();
  const look = (): void => {
    work = work.then(lookAtAll).catch((failure: unknown) => {
      log.error({ err: failure }, 'the registration CAs could not be looked at');
    });
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  look();
  return () => {
    stopped = true;
    clearInterval(timer);
    return work;
  };
}
