import type { Clock } from '../clock.ts';
import type { Policy } from '../policy/index.ts';
import type { Random } from '../random.ts';
import type { DeviceLedger } from './device-ports.ts';
import type { ExpiryLedger } from './expiry-ports.ts';
import type { ImportLedger } from './import-ports.ts';
import type { Keystore } from './keystore-ports.ts';
import type { LinkLedger } from './link-ports.ts';
import type { Ledger } from './ports.ts';
import type { RegistrationLedger } from './registration-ports.ts';
import type { RestorationLedger } from './restoration-ports.ts';
import type { RevocationLedger } from './revocation-ports.ts';
import type { RotationLedger } from './rotation-ports.ts';
import type { ServerLedger } from './server-ports.ts';
import type { Steps } from './steps-ports.ts';

/** What the authority works with. One a process; `runId` marks the intents that this run made. */
export interface CaContext {
  readonly ledger: Ledger;
  readonly registrations: RegistrationLedger;
  readonly servers: ServerLedger;
  readonly revocations: RevocationLedger;
  readonly restorations: RestorationLedger;
  readonly devices: DeviceLedger;
  readonly rotation: RotationLedger;
  readonly links: LinkLedger;
  readonly expiries: ExpiryLedger;
  readonly imports: ImportLedger;
  readonly keystore: Keystore;
  readonly steps: Steps;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly random: Random;
  readonly runId: string;
  /** Intents of this run whose signing or storing failed: they are given up before the next are made. */
  readonly stranded: Set<number>;
}
