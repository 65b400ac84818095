import type { RequestInput } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { LIMITS } from './limits.ts';

/** What one row of a lot asks for, however the lot is written. */
export interface RowContent {
  readonly input: RequestInput;
  /** The device ID that the lot gives the row beside its request; null where it is in the request alone, or not yet read. */
  readonly deviceId: string | null;
  /** The file of an archive that it is; absent where there is none, or its name is not fit to be shown. */
  readonly file?: string;
}

export interface Row extends RowContent {
  /** From 1. */
  readonly row: number;
}

/** The rows of a lot in order, those that came together in one group. Rejects with `PkiError` where the lot as a whole is at fault. */
export type RowSource = AsyncIterable<readonly Row[]>;

/** A row that only keeps its place. */
export const refusedRow = (refusal: PkiError, deviceId: string | null = null): RowContent => ({
  input: { form: 'refused', refusal },
  deviceId,
});

/** A row over its limit: it was skipped, not kept. */
export const tooLongRow = (deviceId: string | null = null): RowContent =>
  refusedRow(
    new PkiError('too-large', `The row has more than ${LIMITS.rowOctets} octets; it was skipped.`),
    deviceId,
  );

/** Numbers rows from 1. Refuses `too-large` at the first beyond the limit; those before it go on their way. */
export async function* numberRows(
  groups: AsyncIterable<readonly RowContent[]>,
  most: number = LIMITS.rows,
): AsyncGenerator<readonly Row[]> {
  let row = 0;
  for await (const group of groups) {
    const rows = group.slice(0, most - row).map((content) => ({ ...content, row: ++row }));
    if (rows.length > 0) yield rows;
    if (rows.length < group.length) throw new PkiError('too-large', `A lot has at most ${most} rows.`);
  }
}
