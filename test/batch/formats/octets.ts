/** Octets as an upload brings them, and what a reader makes of them. */
import type { Row, RowSource } from '../../../src/batch/index.ts';
import type { RowContent } from '../../../src/batch/row.ts';
import { PkiError } from '../../../src/errors.ts';

export async function* stream(...pieces: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
}

/** Cuts octets at the places given. */
export function cut(octets: Uint8Array, places: readonly number[]): Uint8Array[] {
  const inner = places.map((place) => place % (octets.length + 1)).toSorted((a, b) => a - b);
  const at = [0, ...inner, octets.length];
  return at.slice(1).map((end, i) => octets.subarray(at[i], end));
}

/** One octet at a time. */
export const crumbs = (octets: Uint8Array): Uint8Array[] => [...octets].map((octet) => Uint8Array.of(octet));

/** A row as a test compares it: a refusal's code, the JSON of a line, or the fields and octets of a file. */
export function shown({ input, deviceId }: RowContent): unknown {
  if (input.form === 'refused')
    return deviceId === null ? input.refusal.code : [input.refusal.code, deviceId];
  if (input.form === 'line') return JSON.parse(Buffer.from(input.octets).toString());
  return [JSON.parse(input.fields), Buffer.from(input.octets).toString('latin1')];
}

/** The rows, and after them the code of the lot's refusal where there was one. */
export async function read(rows: AsyncIterable<readonly RowContent[]>): Promise<unknown[]> {
  const all: unknown[] = [];
  try {
    for await (const group of rows) all.push(...group.map(shown));
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    all.push({ refused: failure.code });
  }
  return all;
}

export async function numbersOf(rows: RowSource): Promise<number[]> {
  const all: Row[] = [];
  for await (const group of rows) all.push(...group);
  return all.map(({ row }) => row);
}

export const refused = (code: string) => ({ refused: code });
