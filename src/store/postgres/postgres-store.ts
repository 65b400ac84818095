import { findAbandoned, listAbandoned } from '../abandoned-intents.ts';
import { planAcknowledgement } from '../acknowledgements.ts';
import type { Asking } from '../asking.ts';
import { listAudit } from '../audit.ts';
import { isExpiringKnown, planAuthorityExpiring } from '../authority-expiring.ts';
import * as requests from '../authority-requests.ts';
import { listBatches } from '../batch-lists.ts';
import { findBatch, listOutcomes } from '../batches.ts';
import {
  findCertificate,
  findDevice,
  findDeviceOfKey,
  listDeviceCertificates,
  listDevices,
} from '../certificates.ts';
import { planCompromiseOf } from '../compromise.ts';
import * as deliveries from '../deliveries.ts';
import * as destinations from '../destinations.ts';
import { planDestroyed, planGivingUp } from '../destruction.ts';
import { listDeviceChanges } from '../devices.ts';
import { findEnvelope } from '../envelopes.ts';
import { countExpiring } from '../expiries.ts';
import { findFleet, findFleetById, listFleets } from '../fleets.ts';
import { judgeForeign } from '../foreign-certificates.ts';
import { findGeneration, listGenerations, listKeyIds, nextGeneration } from '../generations.ts';
import { searchCertificates } from '../inventory.ts';
import { planLinkIssued } from '../links.ts';
import { findRegistration, findRegistrationById, listRegistrations } from '../registrations.ts';
import * as restorations from '../restorations.ts';
import { findLastEnd, findList, findListState, listRevocations } from '../revocation-lists.ts';
import { listGateways, listMoves, planMoveOf, readLine } from '../rotation.ts';
import { isDueKnown, planRotationDue } from '../rotation-due.ts';
import { findServer, listServers } from '../servers.ts';
import { listStanding, settledThrough } from '../standing.ts';
import type { Store } from '../store.ts';
import { findToken, listTokens } from '../tokens.ts';
import { revokeAbandoned } from './abandoned-intents.ts';
import { abandonIntents } from './abandonment.ts';
import { acknowledgeOutcomes } from './acknowledgement.ts';
import * as batches from './batches.ts';
import * as certificates from './certificates.ts';
import { recordIssued } from './completions.ts';
import { connectWriter } from './connect.ts';
import * as devices from './devices.ts';
import { acknowledgeKey } from './envelopes.ts';
import { postgresError } from './failure.ts';
import * as fleets from './fleets.ts';
import * as generations from './generations.ts';
import { recordIntents } from './intents.ts';
import * as links from './links.ts';
import { migrate } from './migrate.ts';
import { perform } from './planned.ts';
import { recordForeign } from './record-foreign.ts';
import * as registrations from './registrations.ts';
import * as revocations from './revocations.ts';
import { endRun, settleUndertakings, startRun } from './runs.ts';
import * as servers from './servers.ts';
import { PostgresSession } from './session.ts';
import { newPool } from './settings.ts';
import { recordListTaken, takeEntries } from './take-entries.ts';
import * as tokens from './tokens.ts';
import { PostgresWriter } from './writer.ts';

export interface PostgresSettings {
  /** `postgres://…`, with everything that is needed to connect: TLS and password, too. Never logged. */
  readonly url: string;
  /** 16 lower-case hex digits; never used before. */
  readonly runId: string;
  readonly at: Date;
  /** What becomes of a database that holds nothing; `create` where it does not say. */
  readonly whenEmpty?: 'create' | 'refuse';
}

/** The writer, with the service's lock held, the schema up to date and the run begun. Where it refuses, nothing stays held. */
async function openWriter({ url, runId, at, whenEmpty = 'create' }: PostgresSettings) {
  const writer = new PostgresWriter({
    connect: (lost) => connectWriter(url, runId, lost),
    settle: (transaction, undertakings) => settleUndertakings(transaction, runId, undertakings),
  });
  try {
    await writer.prepare((client) => migrate(new PostgresSession(client, 'fresh'), whenEmpty));
    const abandoned = await writer.write((t) => startRun(t, runId, at));
    return { writer, abandoned };
  } catch (failure) {
    await writer.close();
    throw postgresError(failure);
  }
}

/**
 * Opens the store on a PostgreSQL server. Resolves when the schema is up to date and what earlier runs
 * left open is settled. Rejects with `busy` while another service works on the database, and with
 * `storage-unavailable` where the server does not keep what it promises, or the database is not ours.
 */
export async function openPostgresStore(settings: PostgresSettings): Promise<Store> {
  const { url, runId } = settings;
  const { writer, abandoned } = await openWriter(settings);
  const pool = newPool(url, `fleetca reader ${runId}`.slice(0, 63));
  const session = new PostgresSession(pool, 'fresh');
  const read = async <T>(act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (failure) {
      throw postgresError(failure);
    }
  };
  const ask = <T>(asking: Asking<T>): Promise<T> => read(() => session.answer(asking));
  return {
    runId,
    abandoned,
    close: async (endedAt) => {
      // A database that failed cannot record the end; the next start finds the run open.
      await writer.write((t) => endRun(t, runId, endedAt)).catch(() => undefined);
      await writer.close();
      await pool.end();
    },

    verifyWritable: () => writer.write(async () => undefined),

    createFleet: (act, fleet) => writer.write((t) => fleets.createFleet(t, act, fleet)),
    recordFleetTerms: (act, id, terms) => writer.write((t) => fleets.recordFleetTerms(t, act, id, terms)),
    findFleet: (name) => ask(findFleet(name)),
    findFleetById: (id) => ask(findFleetById(id)),
    listFleets: (after, limit) => ask(listFleets(after, limit)),

    recordGenerationIntent: (act, run, intent) =>
      writer.write((t) => generations.recordGenerationIntent(t, act, run, intent)),
    recordGenerationIssued: (act, run, id, der, place) =>
      writer.write((t) => generations.recordGenerationIssued(t, act, run, id, der, place)),
    recordGenerationImported: (act, generation) =>
      writer.write((t) => generations.recordGenerationImported(t, act, generation)),
    listGenerations: (fleetId) => ask(listGenerations(fleetId)),
    findGeneration: (id) => ask(findGeneration(id)),
    recordAuthorityRequest: (act, request) =>
      writer.write((t) => perform(t, act, requests.planAuthorityRequest(act, request))),
    findAuthorityRequest: (fleetId, authority) => ask(requests.findAuthorityRequest(fleetId, authority)),
    listAuthorityRequests: (fleetId) => ask(requests.listAuthorityRequests(fleetId)),
    listKeyIds: () => ask(listKeyIds()),

    recordLinkIntent: (act, run, intent) => writer.write((t) => links.recordLinkIntent(t, act, run, intent)),
    recordLinkIssued: (act, run, id, der) =>
      writer.write((t) => perform(t, act, planLinkIssued(act, run, id, der))),

    moveGeneration: (act, order) => writer.write((t) => perform(t, act, planMoveOf(act, order))),
    compromiseGeneration: (act, order) => writer.write((t) => perform(t, act, planCompromiseOf(act, order))),
    acknowledgeGeneration: (act, order) =>
      writer.write((t) => perform(t, act, planAcknowledgement(act, order))),
    listGateways: (fleetId, authority) => ask(listGateways(fleetId, authority)),
    giveUpKey: (act, of, reason) => writer.write((t) => perform(t, act, planGivingUp(of, reason))),
    recordDestroyed: (act, id) => writer.write((t) => perform(t, act, planDestroyed(id))),
    settledThrough: () => ask(settledThrough()),
    listStanding: (query, after, limit) => ask(listStanding(query, after, limit)),
    nextGeneration: (fleetId, authority) => ask(nextGeneration(fleetId, authority)),
    recordAuthorityExpiring: (act, expiring) =>
      writer.write(
        async (t) =>
          !(await t.answer(isExpiringKnown(expiring.generation.id, expiring.withinDays))) &&
          perform(t, act, planAuthorityExpiring(expiring)),
      ),
    recordRotationDue: (act, due) =>
      writer.write(
        async (t) =>
          !(await t.answer(isDueKnown(due.generation.id, due.urgency))) &&
          perform(t, act, planRotationDue(due)),
      ),
    readLine: (fleetId, authority, at) => ask(readLine(fleetId, authority, at)),
    countExpiring: (issuerId, from, before) => ask(countExpiring(issuerId, from, before)),
    listMoves: (fleetId, authority) => ask(listMoves(fleetId, authority)),

    judgeForeign: (chunk) => ask(judgeForeign(chunk)),
    recordForeign: (chunk) => writer.write((t) => recordForeign(t, chunk)),

    recordIntents: (chunk) => writer.write((t) => recordIntents(t, chunk)),
    recordIssued: (chunk) => writer.write((t) => recordIssued(t, chunk)),
    abandonIntents: (act, run, ids) => writer.write((t) => abandonIntents(t, act, run, ids)),

    findCertificate: (fingerprint) => ask(findCertificate(fingerprint)),
    findCertificatesBySerial: (serial) => read(() => certificates.findCertificatesBySerial(session, serial)),
    findDevice: (fleetId, deviceId) => ask(findDevice(fleetId, deviceId)),
    listDeviceCertificates: (fleetId, deviceId, limit) =>
      ask(listDeviceCertificates(fleetId, deviceId, limit)),
    listDevices: (fleetId, after, limit) => ask(listDevices(fleetId, after, limit)),
    searchCertificates: (search, after, limit) => ask(searchCertificates('postgres', search, after, limit)),
    findDeviceOfKey: (fleetId, keyDigest) => ask(findDeviceOfKey(fleetId, keyDigest)),
    acknowledgeKey: (act, fingerprint) => writer.write((t) => acknowledgeKey(t, act, fingerprint)),
    findEnvelope: (fingerprint) => ask(findEnvelope(fingerprint)),
    markRevoked: (act, fingerprint, reason) =>
      writer.write((t) => certificates.markRevoked(t, act, fingerprint, reason)),
    releaseKey: (act, fleetId, digest, reason) =>
      writer.write((t) => certificates.releaseKey(t, act, fleetId, digest, reason)),

    scrapDevice: (act, fleetId, id, reason) =>
      writer.write((t) => devices.scrapDevice(t, act, fleetId, id, reason)),
    reinstateDevice: (act, fleetId, id, reason) =>
      writer.write((t) => devices.reinstateDevice(t, act, fleetId, id, reason)),
    listDeviceChanges: (fleetId, id, limit) => ask(listDeviceChanges(fleetId, id, limit)),
    recordSeen: (act, fingerprint) => writer.write((t) => devices.recordSeen(t, act, fingerprint)),

    recordRegistrationIntent: (act, run, intent) =>
      writer.write((t) => registrations.recordRegistrationIntent(t, act, run, intent)),
    recordRegistrationIssued: (act, run, id, der) =>
      writer.write((t) => registrations.recordRegistrationIssued(t, act, run, id, der)),
    findRegistration: (fingerprint) => ask(findRegistration(fingerprint)),
    findRegistrationById: (id) => ask(findRegistrationById(id)),
    listRegistrations: (fleetId, after, limit) => ask(listRegistrations(fleetId, after, limit)),
    revokeRegistration: (act, id, reason) =>
      writer.write((t) => registrations.revokeRegistration(t, act, id, reason)),

    recordServer: (act, server) => writer.write((t) => servers.recordServer(t, act, server)),
    findServer: (fleetId, name) => ask(findServer(fleetId, name)),
    listServers: (fleetId, after, limit) => ask(listServers(fleetId, after, limit)),
    recordPossessionIntent: (act, intent) =>
      writer.write((t) => servers.recordPossessionIntent(t, act, intent)),
    recordRootState: (act, id, generation, said) =>
      writer.write((t) => servers.recordRootState(t, act, id, generation, said)),
    revokeCertificates: (act, order) => writer.write((t) => revocations.revokeCertificates(t, act, order)),
    findAbandoned: (fleetId, serial) => ask(findAbandoned(fleetId, serial)),
    listAbandoned: (fleetId, after, limit) => ask(listAbandoned(fleetId, after, limit)),
    revokeAbandoned: (act, id, reason) => writer.write((t) => revokeAbandoned(t, act, id, reason)),
    findListState: (issuerId) => ask(findListState(issuerId)),
    findLastEnd: (issuerId) => ask(findLastEnd(issuerId)),
    listRevocations: (query, after, limit) => ask(listRevocations(query, after, limit)),
    recordListIntent: (act, run, intent) =>
      writer.write((t) => revocations.recordListIntent(t, act, run, intent)),
    recordListIssued: (act, run, issuerId, number, der) =>
      writer.write((t) => revocations.recordListIssued(t, act, run, issuerId, number, der)),
    recordListImported: (act, run, intent, der, ceremony) =>
      writer.write((t) => revocations.recordListImported(t, act, run, intent, der, ceremony)),
    findList: (issuerId) => ask(findList(issuerId)),

    recordRestoration: (act, copiedAt) =>
      writer.write((t) => perform(t, act, restorations.planRestoration(act, copiedAt))),
    findRestoration: () => ask(restorations.findRestoration()),
    settleRestoration: (act, reason, without) =>
      writer.write((t) => perform(t, act, restorations.planSettlement(act, reason, without))),
    listTakenLists: (issuerId, since) => ask(restorations.listTakenLists(issuerId, since)),
    takeEntries: (act, list, entries) => writer.write((t) => takeEntries(t, act, list, entries)),
    recordListTaken: (act, list) => writer.write((t) => recordListTaken(t, act, list)),

    recordDestination: (act, destination) =>
      writer.write((t) => perform(t, act, destinations.planDestination(act, destination))),
    removeDestination: (act, id) => writer.write((t) => perform(t, act, destinations.planRemoval(act, id))),
    findDestination: (fleetId, kind, name) => ask(destinations.findDestination(fleetId, kind, name)),
    listDestinations: (fleetId, kind, after, limit) =>
      ask(destinations.listDestinations(fleetId, kind, after, limit)),
    listAllDestinations: () => ask(destinations.listAllDestinations()),
    listEntriesOf: (fleetId, actions, after) => ask(deliveries.listEntriesOf(fleetId, actions, after)),
    listIssued: (ranges) => ask(deliveries.listIssued(ranges)),
    readBacklog: (id, at, limit, most) => ask(deliveries.readBacklog(id, at, limit, most)),
    recordProgress: (id, progress) => writer.write((t) => t.answer(deliveries.recordProgress(id, progress))),
    findDeviceRegistration: (id, deviceId) => ask(deliveries.findDeviceRegistration(id, deviceId)),
    countDeliveries: (id, state, most) => ask(deliveries.countDeliveries(id, state, most)),
    listDeliveries: (search, after, limit) => ask(deliveries.listDeliveries(search, after, limit)),
    findDelivery: (fleetId, id) => ask(deliveries.findDelivery(fleetId, id)),
    retryDelivery: (act, fleetId, id) =>
      writer.write((t) => perform(t, act, deliveries.planRetry(act, fleetId, id))),
    orderDevice: (act, registryId, deviceId) =>
      writer.write((t) => perform(t, act, deliveries.planDeviceOrder(act, registryId, deviceId))),
    orderLot: (act, registryId, batchId) =>
      writer.write((t) => perform(t, act, deliveries.planLotOrder(registryId, batchId))),

    listAudit: (after, limit) => ask(listAudit(after, limit)),
    recordServiceAct: (act, action, details) =>
      writer.write(async (t) => void (await t.appendAudit(act, { action, fleet: null, details }))),

    recordToken: (act, token) => writer.write((t) => tokens.recordToken(t, act, token)),
    findToken: (id) => ask(findToken(id)),
    listTokens: (after, limit) => ask(listTokens(after, limit)),
    revokeToken: (act, id) => writer.write((t) => tokens.revokeToken(t, act, id)),

    openBatch: (act, run, opening) => writer.write((t) => batches.openBatch(t, act, run, opening)),
    recordOutcomes: (act, id, attempt, outcomes) =>
      writer.write((t) => batches.recordOutcomes(t, act, id, attempt, outcomes)),
    acknowledgeOutcomes: (act, id, through) => writer.write((t) => acknowledgeOutcomes(t, act, id, through)),
    closeAttempt: (act, id, attempt, state) =>
      writer.write((t) => batches.closeAttempt(t, act, id, attempt, state)),
    listBatches: (search, before, limit) => ask(listBatches(search, before, limit)),
    findBatch: (id) => ask(findBatch(id)),
    listOutcomes: (id, attempt, after, limit) => ask(listOutcomes(id, attempt, after, limit)),
  };
}
