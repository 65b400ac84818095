import type { BatchStore } from '../../src/batch/index.ts';
import type {
  AuditEntry,
  AuditLog,
  DeviceLedger,
  ExpiryLedger,
  Fleet,
  Generation,
  GenerationIntent,
  ImportLedger,
  IntentRow,
  IntentVerdict,
  Ledger,
  LinkLedger,
  RegistrationLedger,
  RestorationLedger,
  RevocationLedger,
  RotationLedger,
  ServerLedger,
  StoredCertificate,
} from '../../src/ca/index.ts';
import type { TokenStore } from '../../src/enrollment/index.ts';
import type { OutgoingStore } from '../../src/outgoing/index.ts';
import {
  actAt,
  certificateOf,
  completionOf,
  fresh,
  freshDigest,
  freshSerial,
  minutesAfter,
  sampleRow,
  sha256,
  tbsDigestOf,
} from './sample.ts';

/** A store as the contract sees it: the ports, and the run that its intents belong to. */
export interface StoreUnderTest
  extends Ledger,
    DeviceLedger,
    RegistrationLedger,
    RotationLedger,
    LinkLedger,
    ExpiryLedger,
    ImportLedger,
    ServerLedger,
    RestorationLedger,
    RevocationLedger,
    AuditLog,
    TokenStore,
    BatchStore,
    OutgoingStore {
  readonly runId: string;
  close(at: Date): Promise<void>;
}

/** The store that the tests of a contract share; there once the first of them runs. */
export interface Given {
  store: StoreUnderTest;
}

export const newFleet = (store: Ledger, name = fresh('fleet')): Promise<Fleet> =>
  store.createFleet(actAt(), { name, target: 'generic', gatewayUrl: null, gatewayRoot: null });

export function generationIntent(fleet: Fleet, wish: Partial<GenerationIntent> = {}): GenerationIntent {
  const serial = wish.serial ?? freshSerial();
  return {
    fleetId: fleet.id,
    place: 'first',
    authority: 'root',
    kind: 'root',
    profile: 'root',
    profileDigest: sha256(Buffer.from('root')),
    keyId: fresh(fleet.name),
    keyDigest: freshDigest(),
    issuerId: null,
    serial,
    tbsDigest: tbsDigestOf(serial),
    notBefore: minutesAfter(-48 * 60),
    notAfter: minutesAfter(10 * 365 * 24 * 60),
    ...wish,
  };
}

export async function newGeneration(
  store: StoreUnderTest,
  fleet: Fleet,
  wish: Partial<GenerationIntent> = {},
): Promise<Generation> {
  const intent = generationIntent(fleet, wish);
  const { generationId } = await store.recordGenerationIntent(actAt(), store.runId, intent);
  return store.recordGenerationIssued(
    actAt(),
    store.runId,
    generationId,
    certificateOf(intent.serial),
    intent.place,
  );
}

/** A fleet with its root, and the cycle on it as far as a ledger takes part. */
export interface Line {
  readonly fleet: Fleet;
  readonly root: Generation;
  row(deviceId: string, wish?: Partial<IntentRow>): IntentRow;
  record(rows: readonly IntentRow[], minutes?: number): Promise<readonly IntentVerdict[]>;
  /** Records the intent, which must win, and gives its id. */
  intend(row: IntentRow, minutes?: number): Promise<number>;
  complete(row: IntentRow, intentId: number, minutes?: number): Promise<StoredCertificate>;
  issue(row: IntentRow, minutes?: number): Promise<StoredCertificate>;
}

export async function newLine(store: StoreUnderTest): Promise<Line> {
  const fleet = await newFleet(store);
  const root = await newGeneration(store, fleet);
  const chunk = (minutes: number) => ({
    act: actAt(minutes),
    runId: store.runId,
    fleetId: fleet.id,
    batchId: null,
  });
  const line: Line = {
    fleet,
    root,
    row: (deviceId, wish = {}) => sampleRow({ deviceId, issuerId: root.id, ...wish }),
    record: (rows, minutes = 0) => store.recordIntents({ ...chunk(minutes), rows }),
    intend: async (row, minutes = 0) => {
      const [verdict] = await line.record([row], minutes);
      if (verdict?.verdict !== 'recorded') throw new Error(`not recorded: ${JSON.stringify(verdict)}`);
      return verdict.intentId;
    },
    complete: async (row, intentId, minutes = 0) => {
      const completion = completionOf(row, intentId);
      await store.recordIssued({ ...chunk(minutes), issued: [completion] });
      const certificate = await store.findCertificate(completion.fingerprint);
      if (!certificate) throw new Error('a completed certificate is not found');
      return certificate;
    },
    issue: async (row, minutes = 0) => line.complete(row, await line.intend(row, minutes), minutes),
  };
  return line;
}

/** The whole log, in pages. */
export async function wholeLog(store: AuditLog, after = 0): Promise<readonly AuditEntry[]> {
  const page = await store.listAudit(after, 200);
  const last = page.at(-1);
  return last ? [...page, ...(await wholeLog(store, last.seq))] : page;
}

/** Runs something and gives the entries that it left in the log. */
export async function entriesOf(
  store: AuditLog,
  doing: () => Promise<unknown>,
): Promise<readonly AuditEntry[]> {
  const before = (await wholeLog(store)).at(-1)?.seq ?? 0;
  await doing();
  return wholeLog(store, before);
}

/** What a promise rejects with; undefined where it resolves. */
export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (failure: unknown) => failure,
  );

/** With octets as hexadecimal digits: a thread hands over octets of another class. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}
