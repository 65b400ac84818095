import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Act, Completion, IntentRow, StoredCertificate } from '../../ca/index.ts';
import { createPolicy, profileDigest } from '../../policy/index.ts';
import { systemRandom } from '../../random.ts';
import { openStoreInProcess, type Store } from '../../store/index.ts';
import { connectApi } from '../quickstart/api-client.ts';
import { FLEET, type Line } from './line.ts';
import { encodeRow, makeRequest } from './request.ts';

const ROWS_A_CHUNK = 4000;
const SERIAL_OCTETS = 16;
const DIGEST_OCTETS = 32;
const ROW_OCTETS = SERIAL_OCTETS + 2 * DIGEST_OCTETS;
const TEMPLATE_DEVICE = 'template';
/** Devices and certificates whose look-up is timed later. */
const SAMPLES = 200;
const RUN_ID_OCTETS = 8;

/** Some of what was put in. */
export interface SeedSample {
  readonly deviceIds: readonly string[];
  /** SHA-256, hex. */
  readonly fingerprints: readonly string[];
}

/** A certificate of the line's own issuer, which all that are made up look like. */
export async function issueTemplate({ service, token }: Line): Promise<void> {
  const api = connectApi({ url: service.url, ca: service.ca });
  try {
    const json: unknown = JSON.parse(encodeRow(makeRequest(TEMPLATE_DEVICE)));
    await api.call({ method: 'POST', path: `/v1/fleets/${FLEET}/certificates`, token, json });
  } finally {
    api.close();
  }
}

const act = (): Act => ({
  at: new Date(),
  actor: { kind: 'service', id: 'bench', role: 'service' },
});

interface Forge {
  readonly store: Store;
  readonly template: StoredCertificate;
  readonly digest: Uint8Array;
}

interface Forged {
  readonly intent: IntentRow;
  readonly der: Buffer;
}

/** A row like the template's: another device, serial and key, and the template's certificate with that serial. */
function forgeRow({ template, digest }: Forge, deviceId: string, chance: Buffer): Forged {
  const serial = chance.subarray(0, SERIAL_OCTETS);
  // As a serial is minted: positive, its first octet not zero.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const der = Buffer.from(template.der);
  der.set(serial, der.indexOf(template.serial));
  const intent: IntentRow = {
    deviceId,
    foldedId: deviceId,
    profile: template.profile,
    profileDigest: digest,
    issuerId: template.issuerId,
    serial,
    keyDigest: chance.subarray(SERIAL_OCTETS, SERIAL_OCTETS + DIGEST_OCTETS),
    tbsDigest: chance.subarray(SERIAL_OCTETS + DIGEST_OCTETS),
    notBefore: template.notBefore,
    notAfter: template.notAfter,
    notAfterAsked: false,
    labels: null,
    labelsAsked: false,
    supersede: null,
    revokeOld: null,
    renews: null,
    made: null,
  };
  return { intent, der };
}

function forgeChunk(forge: Forge, from: number, rows: number): readonly Forged[] {
  const chance = Buffer.from(systemRandom.bytes(rows * ROW_OCTETS));
  return Array.from({ length: rows }, (_, i) =>
    forgeRow(forge, `seed-${from + i}`, chance.subarray(i * ROW_OCTETS, (i + 1) * ROW_OCTETS)),
  );
}

/** Steps 3 and 5 for a chunk, without the signatures. Gives what was completed. */
async function record(forge: Forge, rows: readonly Forged[]): Promise<readonly Completion[]> {
  const { store, template } = forge;
  const chunk = { act: act(), runId: store.runId, fleetId: template.fleetId, batchId: null };
  const verdicts = await store.recordIntents({ ...chunk, rows: rows.map(({ intent }) => intent) });
  const issued = rows.map(({ der }, i): Completion => {
    const verdict = verdicts[i];
    if (verdict?.verdict !== 'recorded')
      throw new Error(`a made-up row was not recorded: ${verdict?.verdict}`);
    const fingerprint = createHash('sha256').update(der).digest();
    return { intentId: verdict.intentId, der, fingerprint };
  });
  await store.recordIssued({ ...chunk, issued });
  return issued;
}

async function openForge(store: Store): Promise<Forge> {
  const fleet = await store.findFleet(FLEET);
  const [template] = fleet ? await store.listDeviceCertificates(fleet.id, TEMPLATE_DEVICE, 1) : [];
  const profile = template && fleet && createPolicy().deviceProfile(fleet.target, template.profile);
  if (!profile) throw new Error('the data folder has no line with a template');
  return { store, template, digest: profileDigest(profile) };
}

/**
 * Fills the store of a stopped service directly to about as many certificates: what they say is made
 * up, and nobody signed it. `progress` is told how many there are. The service must have had
 * `issueTemplate`.
 */
export async function seedStore(
  folder: string,
  certificates: number,
  progress: (done: number) => void,
): Promise<SeedSample> {
  const store = await openStoreInProcess({
    file: join(folder, 'db', 'fleetca.sqlite'),
    runId: Buffer.from(systemRandom.bytes(RUN_ID_OCTETS)).toString('hex'),
    at: new Date(),
  });
  const every = Math.max(1, Math.floor(certificates / SAMPLES));
  const deviceIds: string[] = [];
  const fingerprints: string[] = [];
  try {
    const forge = await openForge(store);
    for (let from = 0; from < certificates; from += ROWS_A_CHUNK) {
      const rows = forgeChunk(forge, from, Math.min(ROWS_A_CHUNK, certificates - from));
      const issued = await record(forge, rows);
      for (let i = (every - (from % every)) % every; i < rows.length; i += every) {
        deviceIds.push(rows[i]?.intent.deviceId ?? '');
        fingerprints.push(Buffer.from(issued[i]?.fingerprint ?? []).toString('hex'));
      }
      progress(from + rows.length);
      // SQLite runs in this thread here: signals are heard between chunks.
      await breathe();
    }
    return { deviceIds, fingerprints };
  } finally {
    await store.close(new Date());
  }
}
