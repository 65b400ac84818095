import type { BatchStore } from '../batch/index.ts';
import type {
  AuditLog,
  DeviceLedger,
  ExpiryLedger,
  ImportLedger,
  Ledger,
  LinkLedger,
  RegistrationLedger,
  RestorationLedger,
  RevocationLedger,
  RotationLedger,
  ServerLedger,
} from '../ca/index.ts';
import type { TokenStore } from '../enrollment/index.ts';
import type { OutgoingStore } from '../outgoing/index.ts';
import { lockDatabase } from './lock.ts';

export interface StoreSettings {
  /** Path of the database, or `:memory:`. */
  readonly file: string;
  /** 16 lower-case hex digits; never used before. */
  readonly runId: string;
  readonly at: Date;
  /** What becomes of a database that holds nothing; `create` where it does not say. */
  readonly whenEmpty?: 'create' | 'refuse';
  /** `held`: whoever opens it has the lock of the database already. */
  readonly lock?: 'take' | 'held';
  /** Most of the database's page cache; 256 where it does not say. */
  readonly cacheMiB?: number;
}

export interface Store
  extends Ledger,
    DeviceLedger,
    RegistrationLedger,
    RestorationLedger,
    RevocationLedger,
    RotationLedger,
    LinkLedger,
    ExpiryLedger,
    ImportLedger,
    ServerLedger,
    AuditLog,
    TokenStore,
    BatchStore,
    OutgoingStore {
  readonly runId: string;
  /** Intents of earlier runs that were given up when this one began. */
  readonly abandoned: number;
  /** Ends the run and closes the database. */
  close(at: Date): Promise<void>;
}

/** Takes the lock of the database, where there is one to take; the answer lets it go. */
export const takeLock = ({ file, lock = 'take' }: StoreSettings): (() => void) =>
  file === ':memory:' || lock === 'held' ? () => undefined : lockDatabase(file);
