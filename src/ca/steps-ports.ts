/** The steps that need nothing but processor time, and what goes through them. */
import type { Requester } from '../enrollment/index.ts';
import type { PkiError } from '../errors.ts';
import type { DeviceKeyAlgorithm } from '../x509/index.ts';
import type { Generation, IntentRow, Predecessor } from './ledger-records.ts';

/** How keys are made for requests that bring none. */
export interface KeyMaking {
  /** Of requests that name none. */
  readonly algorithm: DeviceKeyAlgorithm;
  /** The certificate, DER, that keys are encrypted for; null: they go out in the answer, once. */
  readonly recipient: Uint8Array | null;
}

/** Whose requests these are and what they are made under: the same for all rows of a chunk. */
export interface IssueContext {
  readonly fleet: { readonly id: number; readonly name: string; readonly target: string };
  readonly requester: Requester;
  /** Device profile of rows that name none. */
  readonly profile: string;
  readonly issuer: Pick<Generation, 'id' | 'keyId' | 'certificate' | 'authority' | 'number'>;
  /** Present where a line without a CSR asks for a key, too. */
  readonly making?: KeyMaking;
  /** Present where a device renews: the certificate that it has shown. */
  readonly renews?: Predecessor;
}

/**
 * One request on its way to step 1. `line`: a row of a lot as it came, JSON; without a CSR it asks for a
 * key, where the context says that keys are made. `request`: PKCS#10 octets
 * (PEM or DER) with the other fields as JSON. `refused`: the edge refused it, and it only keeps its place.
 */
export type RequestInput =
  | { readonly form: 'line'; readonly octets: Uint8Array }
  | { readonly form: 'request'; readonly octets: Uint8Array; readonly fields: string }
  | { readonly form: 'refused'; readonly refusal: PkiError };

export interface PrepareOrder {
  readonly context: IssueContext;
  readonly requests: readonly RequestInput[];
  readonly at: Date;
}

/** What became of a request in steps 1 and 2. `deviceId` is what it said of itself, as far as it got. */
export type PreparedRow =
  | { readonly intent: IntentRow; readonly warnings: readonly string[] }
  | { readonly refusal: PkiError; readonly deviceId: string | null };

/** A chunk after steps 1 and 2. Its TBS stay where they were made; each can be signed once. */
export interface PreparedChunk {
  /** One a request, in order. */
  readonly rows: readonly PreparedRow[];
  /**
   * Step 4 for those rows (indexes, ascending): signs, verifies each signature with the issuer's public
   * key, and puts the certificates together, in the order asked. Rejects with `signer-unavailable`.
   */
  sign(rows: readonly number[]): Promise<readonly SignedRow[]>;
  /** Lets go of what was not signed. */
  release(): void;
}

export interface SignedRow extends KeyHandover {
  readonly der: Uint8Array;
  readonly fingerprint: Uint8Array;
}

/** How a key that we made leaves; both null where we made none. */
export interface KeyHandover {
  /** PKCS#8, DER, in the clear: where no recipient was named. Kept nowhere; whoever sends it wipes it. */
  readonly privateKey: Uint8Array | null;
  /** CMS EnvelopedData, DER, for the recipient. */
  readonly envelope: Uint8Array | null;
}

/** The steps that need nothing but processor time: decide, prepare, sign. They run where the adapter says. */
export interface Steps {
  prepare(order: PrepareOrder): Promise<PreparedChunk>;
}
