import type { RefusalCode } from '../../errors.ts';
import type { Random } from '../../random.ts';
import { type DeviceKey, type DeviceKeyKind, makeDeviceKey } from './device-key.ts';
import { FAULTS, type Fault } from './faults.ts';
import { inParallel } from './in-parallel.ts';
import { commonName, lineOf, requestOf, requestPem } from './request-line.ts';
import { withProgress } from './terminal.ts';
import { vehicleIds } from './vehicle-ids.ts';

export const LOT_ROWS = 1000;
/** RSA keys take some hundred times as long to make, so a small part of the lot has them. */
const RSA_EVERY = 50;
/** Keys are made in libuv's pool, which has four threads. */
const KEYS_AT_A_TIME = 4;

/** One row of the lot, with what must become of it. */
export interface LotRow {
  readonly deviceId: string;
  readonly key: DeviceKey;
  /** The row as it is sent, without line end. */
  readonly line: string;
  /** null: it is right and must be issued. */
  readonly fault: { readonly title: string; readonly code: RefusalCode } | null;
}

/** Which rows are faulty: spread over the lot, in the faults' order, never the first. */
function placeFaults(rows: number): ReadonlyMap<number, Fault> {
  const wanted = FAULTS.flatMap((fault) => Array.from({ length: fault.times }, () => fault));
  const gap = rows / (wanted.length + 1);
  return new Map(wanted.map((fault, i) => [Math.floor((i + 1) * gap), fault]));
}

const keyKindOf = (row: number, fault: Fault | undefined): DeviceKeyKind => {
  if (fault) return fault.keyKind ?? 'P-256';
  return row % RSA_EVERY === 1 ? 'rsa-2048' : 'P-256';
};

function rowOf(
  deviceId: string,
  key: DeviceKey,
  earlier: LotRow | undefined,
  fault: Fault | undefined,
): LotRow {
  if (!fault) {
    const csr = requestPem(requestOf({ subject: [commonName(deviceId)], key }));
    return { deviceId, key, line: lineOf(deviceId, csr), fault: null };
  }
  if (!earlier) throw new Error('the first row of a lot cannot be faulty');
  return { deviceId, key, line: fault.line({ deviceId, key, earlier }), fault };
}

export interface LotInput {
  readonly rows: number;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Makes a lot as a factory does: a key pair and a PKCS#10 request for each device, some of them wrong. */
export async function makeLot({ rows, random, signal }: LotInput): Promise<readonly LotRow[]> {
  const faults = placeFaults(rows);
  const ids = vehicleIds(random, rows);
  const keys = await withProgress(`Making ${rows} key pairs and requests`, rows, (advance) =>
    inParallel(ids, KEYS_AT_A_TIME, signal, async (_, row) => {
      const key = await makeDeviceKey(keyKindOf(row, faults.get(row)));
      advance();
      return key;
    }),
  );
  const lot: LotRow[] = [];
  for (const [row, key] of keys.entries()) {
    lot.push(rowOf(ids[row] ?? '', key, lot[0], faults.get(row)));
  }
  return lot;
}
