import { inspectCredentials, type MeantFleet } from '../../bundle/index.ts';
import { systemClock } from '../../clock.ts';
import { segment, withClient } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import { readCredentialsFile } from '../credentials-file.ts';
import { reportLines } from '../credentials-report.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';

/** Asks the service for a fleet. */
export const fetchFleet = (invocation: Invocation, name: string): Promise<MeantFleet> =>
  withClient(invocation, (client) =>
    callJson<MeantFleet>(client, { method: 'GET', path: `/v1/fleets/${segment(name)}` }),
  );

/** `credentials inspect`: exit 3 where the archive would not work for what it is meant for. */
export async function inspectFile(
  invocation: Invocation,
  path: string,
  { fleet }: { readonly fleet?: string },
): Promise<ExitStatus> {
  const { output } = invocation;
  const files = await readCredentialsFile(path);
  const meant = fleet === undefined ? null : await fetchFleet(invocation, fleet);
  const report = inspectCredentials(files, systemClock.now(), meant);
  await show(output, { file: path, ...report }, reportLines);
  if (report.works) return EXIT.done;
  if (!output.json) output.say(`fleetca: check-failed: ${path} would not work for what it is meant for.`);
  return EXIT.refusedByPolicy;
}
