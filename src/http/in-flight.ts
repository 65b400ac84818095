/** Work under way that nobody waits for at present, so that the service can end after it. */
export interface InFlight {
  track(work: Promise<unknown>): void;
  /** Resolves when nothing is under way. */
  settled(): Promise<void>;
}

export function createInFlight(): InFlight {
  const works = new Set<Promise<unknown>>();
  return {
    track: (work) => {
      const done = work.catch(() => undefined).finally(() => works.delete(done));
      works.add(done);
    },
    settled: async () => {
      while (works.size > 0) await Promise.all(works);
    },
  };
}
