import { Worker } from 'node:worker_threads';
import { PkiError } from '../errors.ts';
import { builtModule } from '../package-root.ts';
import { storageError } from './failure.ts';
import { answerOf, argumentsOf } from './packed-calls.ts';
import { rememberReads } from './remembered-reads.ts';
import { type Store, type StoreSettings, takeLock } from './store.ts';
import { type Answer, type Call, unpackError } from './wire.ts';

/** What the thread may hold of objects that hardly live, MiB: it would grow over a long lot, and gain nothing. */
const YOUNG_MIB = 12;

interface Waiting {
  readonly method: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The caller's end of the line to the thread: numbers calls and hands out answers. */
class ThreadLine {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #ended: Error | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (answer: Answer) => this.#settle(answer));
    worker.on('error', (cause) => this.#end(cause));
    worker.on('exit', () => this.#end(undefined));
  }

  /** Resolves with the thread's first word: it has opened the database, or says why not. */
  opened(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(0, { method: '', resolve, reject }));
  }

  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    const { value, transfer } = argumentsOf(method).pack(args);
    const message: Call = { id: this.#next++, method, args: value };
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { method, resolve, reject });
      this.#worker.postMessage(message, transfer);
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(unpackError(answer.error));
    else waiting?.resolve(answerOf(waiting.method).unpack(answer.value));
  }

  #end(cause: unknown): void {
    this.#ended ??= new PkiError(
      'storage-unavailable',
      'The store has ended; the service must be restarted.',
      { cause },
    );
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

const METHODS = [
  'close',
  'verifyWritable',
  'createFleet',
  'recordFleetTerms',
  'findFleet',
  'findFleetById',
  'listFleets',
  'recordGenerationIntent',
  'recordGenerationIssued',
  'recordGenerationImported',
  'listGenerations',
  'findGeneration',
  'recordAuthorityRequest',
  'findAuthorityRequest',
  'listAuthorityRequests',
  'listKeyIds',
  'recordLinkIntent',
  'recordLinkIssued',
  'recordRestoration',
  'findRestoration',
  'settleRestoration',
  'listTakenLists',
  'takeEntries',
  'recordListTaken',
  'moveGeneration',
  'compromiseGeneration',
  'acknowledgeGeneration',
  'listGateways',
  'giveUpKey',
  'recordDestroyed',
  'settledThrough',
  'listStanding',
  'nextGeneration',
  'recordRotationDue',
  'recordAuthorityExpiring',
  'readLine',
  'countExpiring',
  'listMoves',
  'judgeForeign',
  'recordForeign',
  'recordIntents',
  'recordIssued',
  'abandonIntents',
  'findCertificate',
  'findCertificatesBySerial',
  'findDevice',
  'listDeviceCertificates',
  'listDevices',
  'searchCertificates',
  'findDeviceOfKey',
  'acknowledgeKey',
  'findEnvelope',
  'markRevoked',
  'releaseKey',
  'scrapDevice',
  'reinstateDevice',
  'listDeviceChanges',
  'recordSeen',
  'recordRegistrationIntent',
  'recordRegistrationIssued',
  'findRegistration',
  'findRegistrationById',
  'listRegistrations',
  'revokeRegistration',
  'recordServer',
  'findServer',
  'listServers',
  'recordPossessionIntent',
  'recordRootState',
  'revokeCertificates',
  'findAbandoned',
  'listAbandoned',
  'revokeAbandoned',
  'findListState',
  'findLastEnd',
  'listRevocations',
  'recordListIntent',
  'recordListIssued',
  'recordListImported',
  'findList',
  'recordDestination',
  'removeDestination',
  'findDestination',
  'listDestinations',
  'listAllDestinations',
  'listEntriesOf',
  'listIssued',
  'readBacklog',
  'recordProgress',
  'findDeviceRegistration',
  'countDeliveries',
  'listDeliveries',
  'findDelivery',
  'retryDelivery',
  'orderDevice',
  'orderLot',
  'listAudit',
  'recordServiceAct',
  'recordToken',
  'findToken',
  'listTokens',
  'revokeToken',
  'openBatch',
  'recordOutcomes',
  'acknowledgeOutcomes',
  'closeAttempt',
  'findBatch',
  'listBatches',
  'listOutcomes',
] as const satisfies readonly (keyof Store)[];

/** Fails to compile where a method of the store is not in the list. */
type Complete =
  Exclude<keyof Store, (typeof METHODS)[number] | 'runId' | 'abandoned'> extends never ? Store : never;

/** The store over a line to its thread, when that has opened the database. */
async function startThread(settings: StoreSettings): Promise<Complete> {
  const worker = new Worker(builtModule('store/sqlite-thread.js'), {
    workerData: { ...settings, lock: 'held' } satisfies StoreSettings,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  const line = new ThreadLine(worker);
  const abandoned = await line.opened();
  const methods = METHODS.map((method) => [method, (...args: readonly unknown[]) => line.call(method, args)]);
  return { runId: settings.runId, abandoned, ...Object.fromEntries(methods) } as Complete;
}

/**
 * Opens the store in a thread of its own. Resolves when the database is open, its schema up to date
 * and what earlier runs left open is settled. Rejects with `busy` before anything is started where
 * another service has it.
 */
export async function openStore(settings: StoreSettings): Promise<Store> {
  const undo: (() => void)[] = [];
  try {
    // Before the thread: a second service hears at once that it is one.
    const release = takeLock(settings);
    undo.push(release);
    const store = await startThread(settings);
    return rememberReads({ ...store, close: (at) => store.close(at).finally(release) });
  } catch (error) {
    for (const step of undo) step();
    throw storageError(error);
  }
}
