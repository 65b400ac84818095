import { makeCsr, makeKey } from '../support/csr.ts';

export interface LotRow {
  readonly deviceId: string;
  /** NDJSON, with its line feed. */
  readonly line: string;
  readonly csr: Uint8Array;
  /** False: a row that must be refused. */
  readonly good: boolean;
}

/** One row in so many has a signature that does not verify. */
const FAULTY_EVERY = 50;

/** A lot of distinct devices with P-256 keys. */
export function makeLot(rows: number, prefix = 'unit'): readonly LotRow[] {
  return Array.from({ length: rows }, (_, i) => {
    const deviceId = `${prefix}-${String(i + 1).padStart(6, '0')}`;
    const good = i % FAULTY_EVERY !== FAULTY_EVERY - 1;
    // The octets that are signed say another name than those that are sent.
    const csr = good
      ? makeCsr({ deviceId, key: makeKey() })
      : Buffer.from(
          Buffer.from(makeCsr({ deviceId: `X${deviceId.slice(1)}`, key: makeKey() }))
            .toString('latin1')
            .replace(`X${deviceId.slice(1)}`, deviceId),
          'latin1',
        );
    const line = `${JSON.stringify({ csr: Buffer.from(csr).toString('base64') })}\n`;
    return { deviceId, line, csr, good };
  });
}
