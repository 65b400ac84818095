import { chmodSync, existsSync } from 'node:fs';
import { findAbandoned, listAbandoned, revokeAbandoned } from './abandoned-intents.ts';
import { abandonIntents } from './abandonment.ts';
import { acknowledgeOutcomes } from './acknowledgement.ts';
import { planAcknowledgement } from './acknowledgements.ts';
import { type Asking, answer } from './asking.ts';
import { appendAudit, listAudit } from './audit.ts';
import { isExpiringKnown, planAuthorityExpiring } from './authority-expiring.ts';
import * as requests from './authority-requests.ts';
import { listBatches } from './batch-lists.ts';
import * as batches from './batches.ts';
import * as certificates from './certificates.ts';
import { recordIssued } from './completions.ts';
import { planCompromiseOf } from './compromise.ts';
import * as deliveries from './deliveries.ts';
import * as destinations from './destinations.ts';
import { planDestroyed, planGivingUp } from './destruction.ts';
import * as devices from './devices.ts';
import { type Connection, openWriter } from './driver.ts';
import { acknowledgeKey, findEnvelope } from './envelopes.ts';
import { countExpiring } from './expiries.ts';
import { openingError, storageError } from './failure.ts';
import * as fleets from './fleets.ts';
import { judgeForeign } from './foreign-certificates.ts';
import * as generations from './generations.ts';
import { rememberPlace, verifyRoom } from './in-place.ts';
import { recordIntents } from './intents.ts';
import { searchCertificates } from './inventory.ts';
import * as links from './links.ts';
import { migrate, verifyOurs } from './migrate.ts';
import { perform } from './planned.ts';
import { recordForeign } from './record-foreign.ts';
import * as registrations from './registrations.ts';
import * as restorations from './restorations.ts';
import * as lists from './revocation-lists.ts';
import * as revocations from './revocations.ts';
import * as rotation from './rotation.ts';
import { isDueKnown, planRotationDue } from './rotation-due.ts';
import { endRun, startRun } from './runs.ts';
import * as servers from './servers.ts';
import { Session } from './session.ts';
import * as standing from './standing.ts';
import { type Store, type StoreSettings, takeLock } from './store.ts';
import { recordListTaken, takeEntries } from './take-entries.ts';
import * as tokens from './tokens.ts';
import { Writer } from './writer.ts';

interface Opened {
  readonly connection: Connection;
  readonly release: () => void;
  readonly abandoned: number;
}

/**
 * The database, its lock held, its schema up to date and its run begun. Where it refuses, nothing stays
 * open or held, and a database that is not ours is as it was.
 */
function openDatabase(settings: StoreSettings): Opened {
  const { file, runId, at, whenEmpty = 'create', cacheMiB } = settings;
  const undo: (() => void)[] = [];
  try {
    const release = takeLock(settings);
    undo.push(release);
    const connection = openWriter(file, (opened) => verifyOurs(opened, file, whenEmpty), cacheMiB);
    undo.unshift(() => connection.close());
    migrate(connection);
    for (const beside of [file, `${file}-wal`, `${file}-shm`])
      if (existsSync(beside)) chmodSync(beside, 0o600);
    const abandoned = connection.transaction(() => startRun(new Session(connection), runId, at)).immediate();
    return { connection, release, abandoned };
  } catch (error) {
    for (const step of undo) step();
    throw openingError(file, error);
  }
}

/** Opens the store in this thread. For tests, and for the thread that hosts it. */
export function openStoreInProcess(settings: StoreSettings): Store {
  const { runId, file } = settings;
  const { connection, release, abandoned } = openDatabase(settings);
  const session = new Session(connection);
  const writer = new Writer(session, file === ':memory:' ? undefined : rememberPlace(file));
  /** Reads run between transactions, on the same connection: they see what is committed. */
  const read = async <T>(act: () => T): Promise<T> => {
    try {
      return act();
    } catch (error) {
      writer.observe(error);
      throw storageError(error);
    }
  };
  const ask = <T>(asking: Asking<T>): Promise<T> => read(() => answer(session, asking));
  return {
    runId,
    abandoned,
    close: async (endedAt) => {
      // A database that failed cannot record the end; the next start finds the run open.
      await writer.write((s) => endRun(s, runId, endedAt)).catch(() => undefined);
      connection.close();
      release();
    },

    verifyWritable: () => writer.write(() => (file === ':memory:' ? undefined : verifyRoom(file))),

    createFleet: (act, fleet) => writer.write((s) => fleets.createFleet(s, act, fleet)),
    recordFleetTerms: (act, id, terms) => writer.write((s) => fleets.recordFleetTerms(s, act, id, terms)),
    findFleet: (name) => ask(fleets.findFleet(name)),
    findFleetById: (id) => ask(fleets.findFleetById(id)),
    listFleets: (after, limit) => ask(fleets.listFleets(after, limit)),

    recordGenerationIntent: (act, run, intent) =>
      writer.write((s) => generations.recordGenerationIntent(s, act, run, intent)),
    recordGenerationIssued: (act, run, id, der, place) =>
      writer.write((s) => generations.recordGenerationIssued(s, act, run, id, der, place)),
    recordGenerationImported: (act, generation) =>
      writer.write((s) => generations.recordGenerationImported(s, act, generation)),
    listGenerations: (fleetId) => ask(generations.listGenerations(fleetId)),
    findGeneration: (id) => ask(generations.findGeneration(id)),
    recordAuthorityRequest: (act, request) =>
      writer.write((s) => perform(s, act, requests.planAuthorityRequest(act, request))),
    findAuthorityRequest: (fleetId, authority) => ask(requests.findAuthorityRequest(fleetId, authority)),
    listAuthorityRequests: (fleetId) => ask(requests.listAuthorityRequests(fleetId)),
    listKeyIds: () => ask(generations.listKeyIds()),

    recordLinkIntent: (act, run, intent) => writer.write((s) => links.recordLinkIntent(s, act, run, intent)),
    recordLinkIssued: (act, run, id, der) =>
      writer.write((s) => perform(s, act, links.planLinkIssued(act, run, id, der))),

    moveGeneration: (act, order) => writer.write((s) => perform(s, act, rotation.planMoveOf(act, order))),
    compromiseGeneration: (act, order) =>
      writer.write((s) => {
        const found = perform(s, act, planCompromiseOf(act, order));
        s.forget();
        return found;
      }),
    acknowledgeGeneration: (act, order) =>
      writer.write((s) => perform(s, act, planAcknowledgement(act, order))),
    listGateways: (fleetId, authority) => ask(rotation.listGateways(fleetId, authority)),
    giveUpKey: (act, of, reason) => writer.write((s) => perform(s, act, planGivingUp(of, reason))),
    recordDestroyed: (act, id) => writer.write((s) => perform(s, act, planDestroyed(id))),
    settledThrough: () => ask(standing.settledThrough()),
    listStanding: (query, after, limit) => ask(standing.listStanding(query, after, limit)),
    nextGeneration: (fleetId, authority) => ask(generations.nextGeneration(fleetId, authority)),
    recordAuthorityExpiring: (act, expiring) =>
      writer.write(
        (s) =>
          !answer(s, isExpiringKnown(expiring.generation.id, expiring.withinDays)) &&
          perform(s, act, planAuthorityExpiring(expiring)),
      ),
    recordRotationDue: (act, due) =>
      writer.write(
        (s) =>
          !answer(s, isDueKnown(due.generation.id, due.urgency)) && perform(s, act, planRotationDue(due)),
      ),
    readLine: (fleetId, authority, at) => ask(rotation.readLine(fleetId, authority, at)),
    countExpiring: (issuerId, from, before) => ask(countExpiring(issuerId, from, before)),
    listMoves: (fleetId, authority) => ask(rotation.listMoves(fleetId, authority)),

    judgeForeign: (chunk) => ask(judgeForeign(chunk)),
    recordForeign: (chunk) => writer.write((s) => recordForeign(s, chunk)),

    recordIntents: (chunk) => writer.write((s) => recordIntents(s, chunk)),
    recordIssued: (chunk) => writer.write((s) => recordIssued(s, chunk)),
    abandonIntents: (act, run, ids) => writer.write((s) => abandonIntents(s, act, run, ids)),

    findCertificate: (fingerprint) => ask(certificates.findCertificate(fingerprint)),
    findCertificatesBySerial: (serial) => read(() => certificates.findCertificatesBySerial(session, serial)),
    findDevice: (fleetId, deviceId) => ask(certificates.findDevice(fleetId, deviceId)),
    listDeviceCertificates: (fleetId, deviceId, limit) =>
      ask(certificates.listDeviceCertificates(fleetId, deviceId, limit)),
    listDevices: (fleetId, after, limit) => ask(certificates.listDevices(fleetId, after, limit)),
    searchCertificates: (search, after, limit) => ask(searchCertificates('sqlite', search, after, limit)),
    findDeviceOfKey: (fleetId, keyDigest) => ask(certificates.findDeviceOfKey(fleetId, keyDigest)),
    acknowledgeKey: (act, fingerprint) => writer.write((s) => acknowledgeKey(s, act, fingerprint)),
    findEnvelope: (fingerprint) => ask(findEnvelope(fingerprint)),
    markRevoked: (act, fingerprint, reason) =>
      writer.write((s) => certificates.markRevoked(s, act, fingerprint, reason)),
    releaseKey: (act, fleetId, digest, reason) =>
      writer.write((s) => certificates.releaseKey(s, act, fleetId, digest, reason)),

    scrapDevice: (act, fleetId, id, reason) =>
      writer.write((s) => devices.scrapDevice(s, act, fleetId, id, reason)),
    reinstateDevice: (act, fleetId, id, reason) =>
      writer.write((s) => devices.reinstateDevice(s, act, fleetId, id, reason)),
    listDeviceChanges: (fleetId, id, limit) => ask(devices.listDeviceChanges(fleetId, id, limit)),
    recordSeen: (act, fingerprint) => writer.write((s) => devices.recordSeen(s, act, fingerprint)),

    recordRegistrationIntent: (act, run, intent) =>
      writer.write((s) => registrations.recordRegistrationIntent(s, act, run, intent)),
    recordRegistrationIssued: (act, run, id, der) =>
      writer.write((s) => registrations.recordRegistrationIssued(s, act, run, id, der)),
    findRegistration: (fingerprint) => ask(registrations.findRegistration(fingerprint)),
    findRegistrationById: (id) => ask(registrations.findRegistrationById(id)),
    listRegistrations: (fleetId, after, limit) => ask(registrations.listRegistrations(fleetId, after, limit)),
    revokeRegistration: (act, id, reason) =>
      writer.write((s) => registrations.revokeRegistration(s, act, id, reason)),

    recordServer: (act, server) => writer.write((s) => servers.recordServer(s, act, server)),
    findServer: (fleetId, name) => ask(servers.findServer(fleetId, name)),
    listServers: (fleetId, after, limit) => ask(servers.listServers(fleetId, after, limit)),
    recordPossessionIntent: (act, intent) =>
      writer.write((s) => servers.recordPossessionIntent(s, act, intent)),
    recordRootState: (act, id, generation, said) =>
      writer.write((s) => servers.recordRootState(s, act, id, generation, said)),
    revokeCertificates: (act, order) => writer.write((s) => revocations.revokeCertificates(s, act, order)),
    findAbandoned: (fleetId, serial) => ask(findAbandoned(fleetId, serial)),
    listAbandoned: (fleetId, after, limit) => ask(listAbandoned(fleetId, after, limit)),
    revokeAbandoned: (act, id, reason) => writer.write((s) => revokeAbandoned(s, act, id, reason)),
    findListState: (issuerId) => ask(lists.findListState(issuerId)),
    findLastEnd: (issuerId) => ask(lists.findLastEnd(issuerId)),
    listRevocations: (query, after, limit) => ask(lists.listRevocations(query, after, limit)),
    recordListIntent: (act, run, intent) => writer.write((s) => lists.recordListIntent(s, act, run, intent)),
    recordListIssued: (act, run, issuerId, number, der) =>
      writer.write((s) => lists.recordListIssued(s, act, run, issuerId, number, der)),
    recordListImported: (act, run, intent, der, ceremony) =>
      writer.write((s) => lists.recordListImported(s, act, run, intent, der, ceremony)),
    findList: (issuerId) => ask(lists.findList(issuerId)),

    recordRestoration: (act, copiedAt) =>
      writer.write((s) => perform(s, act, restorations.planRestoration(act, copiedAt))),
    findRestoration: () => ask(restorations.findRestoration()),
    settleRestoration: (act, reason, without) =>
      writer.write((s) => perform(s, act, restorations.planSettlement(act, reason, without))),
    listTakenLists: (issuerId, since) => ask(restorations.listTakenLists(issuerId, since)),
    takeEntries: (act, list, entries) => writer.write((s) => takeEntries(s, act, list, entries)),
    recordListTaken: (act, list) => writer.write((s) => recordListTaken(s, act, list)),

    recordDestination: (act, destination) =>
      writer.write((s) => perform(s, act, destinations.planDestination(act, destination))),
    removeDestination: (act, id) => writer.write((s) => perform(s, act, destinations.planRemoval(act, id))),
    findDestination: (fleetId, kind, name) => ask(destinations.findDestination(fleetId, kind, name)),
    listDestinations: (fleetId, kind, after, limit) =>
      ask(destinations.listDestinations(fleetId, kind, after, limit)),
    listAllDestinations: () => ask(destinations.listAllDestinations()),
    listEntriesOf: (fleetId, actions, after) => ask(deliveries.listEntriesOf(fleetId, actions, after)),
    listIssued: (ranges) => ask(deliveries.listIssued(ranges)),
    readBacklog: (id, at, limit, most) => ask(deliveries.readBacklog(id, at, limit, most)),
    recordProgress: (id, progress) => writer.write((s) => answer(s, deliveries.recordProgress(id, progress))),
    findDeviceRegistration: (id, deviceId) => ask(deliveries.findDeviceRegistration(id, deviceId)),
    countDeliveries: (id, state, most) => ask(deliveries.countDeliveries(id, state, most)),
    listDeliveries: (search, after, limit) => ask(deliveries.listDeliveries(search, after, limit)),
    findDelivery: (fleetId, id) => ask(deliveries.findDelivery(fleetId, id)),
    retryDelivery: (act, fleetId, id) =>
      writer.write((s) => perform(s, act, deliveries.planRetry(act, fleetId, id))),
    orderDevice: (act, registryId, deviceId) =>
      writer.write((s) => perform(s, act, deliveries.planDeviceOrder(act, registryId, deviceId))),
    orderLot: (act, registryId, batchId) =>
      writer.write((s) => perform(s, act, deliveries.planLotOrder(registryId, batchId))),

    listAudit: (after, limit) => ask(listAudit(after, limit)),
    recordServiceAct: (act, action, details) =>
      writer.write((s) => void appendAudit(s, act, { action, fleet: null, details })),

    recordToken: (act, token) => writer.write((s) => tokens.recordToken(s, act, token)),
    findToken: (id) => ask(tokens.findToken(id)),
    listTokens: (after, limit) => ask(tokens.listTokens(after, limit)),
    revokeToken: (act, id) => writer.write((s) => tokens.revokeToken(s, act, id)),

    openBatch: (act, run, opening) => writer.write((s) => batches.openBatch(s, act, run, opening)),
    recordOutcomes: (act, id, attempt, outcomes) =>
      writer.write((s) => batches.recordOutcomes(s, act, id, attempt, outcomes)),
    acknowledgeOutcomes: (act, id, through) => writer.write((s) => acknowledgeOutcomes(s, act, id, through)),
    closeAttempt: (act, id, attempt, state) =>
      writer.write((s) => batches.closeAttempt(s, act, id, attempt, state)),
    listBatches: (search, before, limit) => ask(listBatches(search, before, limit)),
    findBatch: (id) => ask(batches.findBatch(id)),
    listOutcomes: (id, attempt, after, limit) => ask(batches.listOutcomes(id, attempt, after, limit)),
  };
}
