/** A thread that makes requests and writes them to a file, a row each. */
import { appendFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { encodeRow, makeRequest } from './request.ts';

export interface LotWish {
  readonly file: string;
  /** Device IDs are this and a number. */
  readonly prefix: string;
  readonly rows: number;
}

/** Rows that are held in memory. */
const ROWS_A_WRITE = 500;

function writeLot({ file, prefix, rows }: LotWish): void {
  for (let from = 0; from < rows; from += ROWS_A_WRITE) {
    const length = Math.min(ROWS_A_WRITE, rows - from);
    const lines = Array.from({ length }, (_, i) => encodeRow(makeRequest(`${prefix}-${from + i}`)));
    appendFileSync(file, lines.join(''), { mode: 0o600 });
  }
}

if (workerData) writeLot(workerData as LotWish);
