import { verifyAcknowledgements } from './acknowledgements.ts';
import { type Asking, answer } from './asking.ts';
import { verifyAuthorityRequests } from './authority-requests.ts';
import { openReadOnly } from './driver.ts';
import { Findings, type LedgerProblem } from './findings.ts';
import { Session } from './session.ts';
import { verifyDestinationRows } from './verify-destinations.ts';
import { verifyDestructions } from './verify-destructions.ts';
import { verifyDevices } from './verify-devices.ts';
import { verifyEntries } from './verify-entries.ts';
import { verifyEnvelopes } from './verify-envelopes.ts';
import { verifyImports } from './verify-imports.ts';
import { verifyLabels } from './verify-labels.ts';
import { verifyLinks } from './verify-links.ts';
import { verifyQuotas } from './verify-quotas.ts';
import { verifyRegistrationRows } from './verify-registrations.ts';
import { verifyRestorations } from './verify-restorations.ts';
import { verifyRevocations } from './verify-revocations.ts';
import { verifyGenerationStates } from './verify-rotation.ts';
import { verifyChunks, verifyIntents, verifyRecords } from './verify-rows.ts';
import { verifyServerRows } from './verify-servers.ts';

export interface LedgerReport {
  readonly ok: boolean;
  readonly entries: number;
  readonly intents: number;
  readonly certificates: number;
  readonly abandoned: number;
  readonly open: number;
  /** Hash of the last entry, hex: keep it elsewhere, and a log that was cut off at its end shows. */
  readonly head: string;
  /** In the order of the log; at most a hundred. */
  readonly problems: readonly LedgerProblem[];
}

/** All that a ledger must hold, asked in bounded memory. */
export function* checkLedger(): Asking<LedgerReport> {
  const findings = new Findings();
  const chain = yield* verifyEntries(findings);
  const counts = yield* verifyIntents(findings);
  yield* verifyChunks(findings);
  yield* verifyImports(findings);
  yield* verifyRecords(findings);
  yield* verifyQuotas(findings);
  yield* verifyRegistrationRows(findings);
  yield* verifyGenerationStates(findings);
  yield* verifyAcknowledgements(findings);
  yield* verifyDestructions(findings);
  yield* verifyLinks(findings);
  yield* verifyAuthorityRequests(findings);
  yield* verifyServerRows(findings);
  yield* verifyDestinationRows(findings);
  yield* verifyRevocations(findings);
  yield* verifyRestorations(findings);
  yield* verifyDevices(findings);
  yield* verifyLabels(findings);
  yield* verifyEnvelopes(findings);
  const problems = findings.problems();
  return { ok: problems.length === 0, ...chain, ...counts, problems };
}

/**
 * Checks a database, live or dead, without changing it: the audit chain from its first entry, that the
 * ledger holds what the entries tell of, and that every row has an entry that tells of it. Bounded
 * memory; reads everything once. Entries cut off at the end, with all that they tell of, leave nothing
 * to find here: only `head`, kept elsewhere, shows that.
 */
export function verifyLedger(file: string): LedgerReport {
  const connection = openReadOnly(file);
  try {
    // One transaction: the database may be in use, and must be seen as it was at one moment.
    return connection.transaction(() => answer(new Session(connection), checkLedger()))();
  } finally {
    connection.close();
  }
}
