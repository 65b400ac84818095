import { existsSync } from 'node:fs';
import { loadConfig } from '../../config/index.ts';
import { type LedgerReport, verifyLedger, verifyPostgresLedger } from '../../store/index.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { setupFailure } from '../setup-failure.ts';
import { formatFields } from '../table.ts';

/** Checks the database that the configuration names. Throws `setup` where there is none. */
async function verifyDatabase({ globals }: Invocation): Promise<LedgerReport> {
  try {
    const { databaseFile, databaseUrl } = loadConfig({ flags: { data: globals.data } });
    const url = databaseUrl();
    if (url !== null) return await verifyPostgresLedger(url);
    if (existsSync(databaseFile)) return verifyLedger(databaseFile);
    throw new LocalFailure('setup', `There is no database at ${databaseFile}.`, {
      hint: 'say where the data folder is with --data',
    });
  } catch (failure) {
    throw setupFailure(failure);
  }
}

const reportLines = (report: LedgerReport): string =>
  formatFields([
    ['audit', report.ok ? 'holds' : 'DOES NOT HOLD'],
    ['entries', report.entries],
    ['certificates', report.certificates],
    ['intents', `${report.intents}, of which ${report.open} open and ${report.abandoned} abandoned`],
    ['head', report.head],
    ...report.problems.map(({ seq, what }) => [seq === null ? 'finding' : `entry ${seq}`, what] as const),
  ]);

/** `audit verify`: the database itself, whether the service runs or not. */
export async function verifyAudit(invocation: Invocation): Promise<ExitStatus> {
  const { output } = invocation;
  const report = await verifyDatabase(invocation);
  await show(output, report, reportLines);
  if (report.ok) {
    if (!output.json)
      output.say('Keep the head elsewhere: with it, a log that was cut off at its end shows.');
    return EXIT.done;
  }
  if (!output.json) output.say('fleetca: check-failed: the ledger is not what its audit log says.');
  return EXIT.refusedByPolicy;
}
