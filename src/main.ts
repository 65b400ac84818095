/**
 * The composition root: configuration in, adapters built, listeners started. Nobody imports it but the
 * command line. The order matters, and each step says why it stands where it does.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { type CaContext, createIssueTogether } from './ca/index.ts';
import { systemClock } from './clock.ts';
import { type Config, readProfiles } from './config/index.ts';
import { type Opened, openData, StartRefusal } from './data-folder.ts';
import { mintToken, UNBOUND } from './enrollment/index.ts';
import {
  authoritiesOf,
  createApi,
  createInFlight,
  createMutualSite,
  createPublicSite,
  type Edge,
  keepTlsCurrent,
  type Listener,
  listenHttp,
  listenHttps,
  listenMutual,
  openSpool,
} from './http/index.ts';
import { writeSecretFile } from './keystore/index.ts';
import type { Logger } from './log.ts';
import { countLots, countSingles, createMetrics } from './metrics/index.ts';
import { createSeal, keepDelivering, type Seal } from './outgoing/index.ts';
import { openCredentials, serviceAct } from './own-credentials.ts';
import { readVersion } from './package-root.ts';
import { createPolicy, type Policy, type Profile } from './policy/index.ts';
import { makeDeviceKey, openPool } from './pool/index.ts';
import { systemRandom } from './random.ts';
import { keepListsCurrent, keepRegistrationCas, watchRotations } from './upkeep/index.ts';

/** A service that answers. */
export interface RunningService {
  /** `https://127.0.0.1:8443`, with the port that it really got. */
  readonly apiUrl: string;
  /** Where devices register. */
  readonly mutualUrl: string | null;
  readonly publicUrl: string | null;
  /** PEM that clients trust; null where the operator brought a certificate. */
  readonly caFile: string | null;
  /** SHA-256, hex, of that CA certificate, or of the operator's certificate. */
  readonly fingerprint: string;
  /** null where it is not in the key folder: who moved it knows where it is. */
  readonly adminTokenFile: string | null;
  /** What this start made because it was not there: one sentence each. */
  readonly created: readonly string[];
  /** Takes no more calls, lets those under way end, and closes the database. */
  close(): Promise<void>;
}

/** Secrets of webhooks and registries are sealed with it. Made when there is the first of them. */
const OUTGOING_KEY = 'outgoing';
const ADMIN_TOKEN_FILE = 'admin-token';
const ADMIN_TOKEN_DAYS = 365;
const IDLE_BODY_MS = 30_000;
/** Answers under way have this long to end; a lot that is still coming in is marked interrupted. */
const GRACE_MS = 10_000;

/** Makes the first admin token where the ledger holds no token at all. The file comes first: a token that
 * nobody was told would lock everybody out, and a file without its token is replaced at the next start. */
async function makeFirstToken({ store, created }: Opened, path: string): Promise<void> {
  if ((await store.listTokens('', 1)).length > 0) return;
  const act = serviceAct();
  const { record, secret } = mintToken(systemRandom, act.at, {
    name: 'first admin',
    role: 'admin',
    rights: [],
    fleet: null,
    bounds: UNBOUND,
    validityDays: ADMIN_TOKEN_DAYS,
  });
  await rm(path, { force: true });
  await writeSecretFile(path, `${secret}\n`);
  await store.recordToken(act, record);
  created.push(`an admin token, valid for ${ADMIN_TOKEN_DAYS} days: ${path}`);
}

const openSeal = ({ keystore }: Opened): Seal =>
  createSeal(async (purpose) => {
    const isDue = purpose === 'seal' && !(await keystore.has(OUTGOING_KEY));
    const { portable } = isDue
      ? await keystore.generate(OUTGOING_KEY, 'ed25519')
      : await keystore.open(OUTGOING_KEY);
    if (portable === null) throw new Error('the key of outgoing secrets is not in a file');
    return portable;
  }, systemRandom);

/** The built-in profiles and the operator's. A name that is taken is the operator's to change. */
function openPolicy(profiles: readonly Profile[], { profilesFolder }: Config): Policy {
  try {
    return createPolicy(profiles);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new StartRefusal(`A profile in ${profilesFolder} cannot be used: ${cause.message}.`, { cause });
  }
}

/**
 * By how much, in percent, a heap may grow over what was alive when it was last collected, in this thread and
 * in all that are started after it. Left to itself the engine lets a small heap grow to four times that:
 * over a long lot the service held some 100 MiB of what nobody needed any more.
 */
const HEAP_GROWTH_PERCENT = 50;

/**
 * Starts the service. Resolves when it answers. Rejects with `StartRefusal`, `KeystoreSetupError`,
 * `FolderError`, `ConfigError` or `PkiError` for what the operator must put right, with the system's error where an
 * address is taken; then nothing is left running.
 */
export async function startService(config: Config, log: Logger): Promise<RunningService> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const profiles = readProfiles(config.profilesFolder);
  const policy = openPolicy(profiles, config);
  const opened = await openData(config, log);
  const { store, keystore, token, created } = opened;
  const pool = openPool({ keystore, random: systemRandom, profiles });
  const listeners: Listener[] = [];
  const inFlight = createInFlight();
  let closing = false;
  let stopKeeping = (): void => undefined;
  let stopUpkeep = async (): Promise<void> => undefined;
  let stopDelivering = async (): Promise<void> => undefined;

  const close = async (): Promise<void> => {
    if (closing) return;
    closing = true;
    stopKeeping();
    await Promise.all(listeners.map((listener) => listener.close(GRACE_MS)));
    await inFlight.settled();
    await stopUpkeep();
    await stopDelivering();
    await pool.close();
    token?.close();
    await store.close(systemClock.now());
  };

  try {
    const credentials = await openCredentials(opened, config);
    const adminTokenFile = join(config.keysFolder, ADMIN_TOKEN_FILE);
    await makeFirstToken(opened, adminTokenFile);
    if (store.abandoned > 0) {
      log.warn(
        { intents: store.abandoned },
        'intents of an earlier run were given up; no certificate left for them',
      );
    }
    if (opened.unnamed.length > 0) {
      log.warn(
        { folder: config.keysFolder, files: opened.unnamed.map((id) => `${id}.pem`) },
        'these key files belong to nothing on record: a crash left them, or the database is older than they are',
      );
    }
    const ca: CaContext = {
      ledger: store,
      registrations: store,
      servers: store,
      revocations: store,
      restorations: store,
      imports: store,
      devices: store,
      rotation: store,
      links: store,
      expiries: store,
      keystore,
      steps: pool,
      policy,
      clock: systemClock,
      random: systemRandom,
      runId: store.runId,
      stranded: new Set(),
    };
    const lists = keepListsCurrent({ ca, terms: config.crl, log });
    const rotations = watchRotations({ ca, terms: config.rotation, log });
    const stopCas = keepRegistrationCas(ca, log);
    stopUpkeep = async () => {
      await Promise.all([lists.stop(), rotations.stop(), stopCas()]);
    };
    const seal = openSeal(opened);
    const { hosts, privateHosts, timeoutSeconds, ...retry } = config.outgoing;
    const reach = { hosts, privateHosts };
    const told = { ca, store, batches: store, reach, seal, retry, timeoutMs: 1000 * timeoutSeconds, log };
    stopDelivering = keepDelivering(told).stop;
    let presented = credentials.first;
    const metrics = createMetrics({
      ca,
      batches: store,
      outgoing: store,
      terms: config.rotation,
      version: readVersion(),
      presentedUntil: () => presented.notAfter,
      serverAuthorities: () => authoritiesOf(presented),
      token,
    });
    const edge: Edge = {
      ca,
      makeKey: makeDeviceKey,
      serverAuthorities: () => authoritiesOf(presented),
      issueTogether: countSingles(createIssueTogether(ca), metrics.countOutcome),
      tokens: store,
      batches: countLots(store, metrics.countOutcome),
      metrics,
      spool: await openSpool(config.tmpFolder, systemRandom),
      audit: store,
      lists,
      outgoing: store,
      reach,
      seal,
      rotation: config.rotation,
      log,
      inFlight,
      renewal: config.renewal,
      rateLimit: config.rateLimit,
      gateways: config.check.gateways,
      idleBodyMs: IDLE_BODY_MS,
      tokenProblem: () => token?.problem() ?? null,
      isClosing: () => closing,
    };
    const api = await listenHttps(createApi(edge), config.api, credentials.first);
    listeners.push(api);
    const mutual =
      config.mutual.port === 'off'
        ? null
        : await listenMutual(
            createMutualSite(edge),
            { host: config.mutual.host, port: config.mutual.port },
            credentials.first,
          );
    if (mutual) listeners.push(mutual);
    stopKeeping = keepTlsCurrent(credentials.first, {
      present: (next) => {
        api.present(next);
        mutual?.present(next);
        presented = next;
      },
      clock: systemClock,
      log,
      renew: credentials.renew,
    });
    const { host, port } = config.public;
    const site = port === 'off' ? null : await listenHttp(createPublicSite(edge), { host, port });
    if (site) listeners.push(site);
    log.info(
      { api: api.url, mutual: mutual?.url ?? null, public: site?.url ?? null, run: store.runId },
      'the service answers',
    );
    return {
      apiUrl: api.url,
      mutualUrl: mutual?.url ?? null,
      publicUrl: site?.url ?? null,
      caFile: credentials.caFile,
      fingerprint: credentials.first.pin,
      adminTokenFile: existsSync(adminTokenFile) ? adminTokenFile : null,
      created,
      close,
    };
  } catch (failure) {
    await close();
    throw failure;
  }
}
