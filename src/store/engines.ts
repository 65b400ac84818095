/**
 * What works on a ledger, loaded where it is asked for: a service in SQLite needs no driver of PostgreSQL,
 * and its main thread none of SQLite's statements. Both cost a start a good part of a second.
 */
import type { DumpSettings } from './postgres/dump.ts';
import type { PostgresSettings } from './postgres/postgres-store.ts';
import type { Store, StoreSettings } from './store.ts';
import type { LedgerSummary } from './summary.ts';
import type { LedgerReport } from './verify-ledger.ts';

/** See `openPostgresStore` of `postgres/postgres-store.ts`. */
export const openPostgresStore = async (settings: PostgresSettings): Promise<Store> =>
  (await import('./postgres/postgres-store.ts')).openPostgresStore(settings);

/** See `openStoreInProcess` of `sqlite-store.ts`. */
export const openStoreInProcess = async (settings: StoreSettings): Promise<Store> =>
  (await import('./sqlite-store.ts')).openStoreInProcess(settings);

/** See `verifyLedger` of `verify-ledger.ts`. */
export const verifyLedger = async (file: string): Promise<LedgerReport> =>
  (await import('./verify-ledger.ts')).verifyLedger(file);

/** See `verifyPostgresLedger` of `postgres/verify-postgres-ledger.ts`. */
export const verifyPostgresLedger = async (url: string): Promise<LedgerReport> =>
  (await import('./postgres/verify-postgres-ledger.ts')).verifyPostgresLedger(url);

/** See `copyDatabase` of `copy-database.ts`. */
export const copyDatabase = async (file: string, to: string): Promise<LedgerSummary> =>
  (await import('./copy-database.ts')).copyDatabase(file, to);

/** See `dumpDatabase` of `postgres/dump.ts`. */
export const dumpDatabase = async (settings: DumpSettings, to: string): Promise<LedgerSummary> =>
  (await import('./postgres/dump.ts')).dumpDatabase(settings, to);

/** See `verifyEmptyDatabase` of `postgres/dump.ts`. */
export const verifyEmptyDatabase = async (settings: DumpSettings): Promise<void> =>
  (await import('./postgres/dump.ts')).verifyEmptyDatabase(settings);

/** See `restoreDump` of `postgres/dump.ts`. */
export const restoreDump = async (settings: DumpSettings, from: string): Promise<void> =>
  (await import('./postgres/dump.ts')).restoreDump(settings, from);
