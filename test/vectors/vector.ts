import type { RefusalCode } from '../../src/errors.ts';
import { csr, type RequestParts } from './csr.ts';

/** What must have happened, or be said with the request, for a vector that is not judged alone. */
export interface Given {
  /** Vectors that were issued before, in the same fleet. */
  readonly issued?: readonly string[];
  /** The device ID that the call names beside the request. */
  readonly deviceId?: string;
  /** An authority whose key the request holds: files in `given/`. */
  readonly authority?: { readonly certificate: string; readonly privateKey: string };
}

/** What a fleet of the `generic` target with its default profile must make of one request. */
export interface Verdict {
  readonly file: string;
  readonly expect: 'issued' | 'refused';
  readonly code?: RefusalCode;
  /** Codes that are right too, where two rules meet. */
  readonly alsoCodes?: readonly RefusalCode[];
  /** How many warnings about the request the answer carries, where the design fixes it. */
  readonly warnings?: number;
  readonly deviceId?: string;
  readonly given?: Given;
  readonly why: string;
  readonly clause: string;
}

export interface Vector {
  readonly verdict: Verdict;
  readonly bytes: Buffer;
}

const stemOf = (file: string): string => file.replace(/\.(der|pem)$/, '');

type Accepted = Pick<Verdict, 'why' | 'clause'> & Partial<Pick<Verdict, 'warnings' | 'deviceId' | 'given'>>;

/** A request that gets a certificate. Its device ID is the file's stem unless said otherwise. */
export const issued = (file: string, bytes: Buffer, accepted: Accepted): Vector => ({
  bytes,
  verdict: { file, expect: 'issued', deviceId: stemOf(file), ...accepted },
});

type Refused = Pick<Verdict, 'why' | 'clause'> & Partial<Pick<Verdict, 'alsoCodes' | 'given'>>;

/** A request that gets none. */
export const refused = (file: string, code: RefusalCode, bytes: Buffer, refusal: Refused): Vector => ({
  bytes,
  verdict: { file, expect: 'refused', code, ...refusal },
});

/** As `issued`, for a DER request made of parts; the stem names file, subject and key. */
export const takes = (stem: string, parts: RequestParts, accepted: Accepted): Vector =>
  issued(`${stem}.der`, csr(stem, parts), accepted);

/** As `refused`, for a DER request made of parts. */
export const refuses = (stem: string, code: RefusalCode, parts: RequestParts, refusal: Refused): Vector =>
  refused(`${stem}.der`, code, csr(stem, parts), refusal);
