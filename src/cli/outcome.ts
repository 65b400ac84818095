import type { Violation } from '../errors.ts';
import { parseAnswer } from './client/json.ts';
import { printable } from './table.ts';

/** What became of one row. */
export interface Outcome {
  readonly row: number;
  readonly deviceId: string | null;
  readonly status: 'issued' | 'replayed' | 'refused' | 'failed';
  readonly serial?: string;
  readonly problem?: {
    readonly code: string;
    readonly detail: string;
    readonly violations?: readonly Violation[];
  };
  readonly warnings?: readonly string[];
  /** Position among all outcomes; where they are read back. */
  readonly seq?: number;
}

export interface Summary {
  readonly batch: string;
  readonly attempt: number;
  readonly rows: number;
  readonly issued: number;
  readonly replayed: number;
  readonly refused: number;
  readonly failed: number;
  /** The intermediates, PEM. */
  readonly chain: string;
}

/** The last line of a lot that was refused midway, or could not go on. */
export interface LotProblem {
  readonly problem: {
    readonly status: number;
    readonly code: string;
    readonly detail: string;
    readonly retryable: boolean;
  };
}

export type BatchLine = Outcome | LotProblem | { readonly summary: Summary } | { readonly next: number };

export const parseLine = (line: string): BatchLine => parseAnswer<BatchLine>(line);

/** An outcome as one line for a person. `from` is the file that the row was. */
export function outcomeLine(
  { row, deviceId, status, serial, problem }: Outcome,
  from: string | null,
): string {
  const what = problem ? `${problem.code}: ${problem.detail}` : (serial ?? '');
  const who = [from, deviceId].filter((name) => name !== null).join(' ') || '-';
  return `${printable(`${row}  ${who}  ${status}  ${what}`)}\n`;
}
