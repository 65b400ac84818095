/** `fleetca rotate` as the security team calls it, from a folder with its token in `security`. */
import { join } from 'node:path';
import { type Ran, runFleetca } from './run-fleetca.ts';
import type { Service } from './service.ts';

type Verb = readonly [verb: string, authority: string, ...more: readonly string[]];

export interface Team {
  run(...args: readonly string[]): Promise<Ran>;
  rotate(...args: Verb): Promise<Ran>;
  /** What it said, on both channels; throws where it did not succeed. */
  must(...args: Verb): Promise<string>;
}

/** `serviceOf`: the service is there by the time that something is run. */
export function securityTeam(work: string, serviceOf: () => Service): Team {
  const run: Team['run'] = (...args) => {
    const { apiUrl, data } = serviceOf();
    const env = { FLEETCA_URL: apiUrl, FLEETCA_TOKEN_FILE: join(work, 'security'), FLEETCA_DATA: data };
    return runFleetca({ cwd: work, env }, ...args);
  };
  const rotate: Team['rotate'] = (verb, authority, ...more) =>
    run('rotate', verb, authority, '--fleet', 'demo', ...more);
  return {
    run,
    rotate,
    must: async (...args) => {
      const { status, out, err } = await rotate(...args);
      if (status !== 0) throw new Error(`rotate ${args.join(' ')}: ${status}\n${err}`);
      return `${out}${err}`;
    },
  };
}
