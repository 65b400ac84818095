/**
 * The ledger on disk: SQLite behind the ports that `ca`, `enrollment` and `batch` own. What it says is
 * recorded is synced, each command with its entry in the audit chain.
 * It decides nothing about certificates but what the ports ask it to decide, and no other room opens
 * the database.
 */

export {
  copyDatabase,
  dumpDatabase,
  openPostgresStore,
  openStoreInProcess,
  restoreDump,
  verifyEmptyDatabase,
  verifyLedger,
  verifyPostgresLedger,
} from './engines.ts';
export type { DumpSettings } from './postgres/dump.ts';
export type { Store } from './store.ts';
export type { LedgerSummary } from './summary.ts';
export { openStore } from './threaded-store.ts';
export type { LedgerReport } from './verify-ledger.ts';
