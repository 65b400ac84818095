import type { KeyObject } from 'node:crypto';
import type { IntentRow, IssueContext, Predecessor, PreparedRow, RevokeOld } from '../ca/index.ts';
import { PkiError, type RefusalCode, type RefusalDetail } from '../errors.ts';

/** Octets one after the other, and the length of each: one copy between threads, whatever their number. */
export interface Packed {
  readonly octets: Uint8Array;
  readonly lengths: Uint32Array;
}

export function pack(pieces: readonly Uint8Array[]): Packed {
  const lengths = new Uint32Array(pieces.length);
  let size = 0;
  pieces.forEach((piece, i) => {
    lengths[i] = piece.length;
    size += piece.length;
  });
  const octets = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    octets.set(piece, at);
    at += piece.length;
  }
  return { octets, lengths };
}

/** Views, not copies. */
export function unpack({ octets, lengths }: Packed): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(octets.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/** What changes its owner with a message instead of being copied. */
export const transferOf = ({ octets, lengths }: Packed): readonly ArrayBuffer[] => [
  octets.buffer as ArrayBuffer,
  lengths.buffer as ArrayBuffer,
];

/** To a worker. `chunk` is the pool's number for a chunk; its TBS stay with the worker until `release`. */
export type Task =
  | {
      readonly kind: 'prepare';
      readonly chunk: number;
      /** IssueContext as JSON: workers keep what they worked out for it under this text. */
      readonly context: string;
      readonly requests: Packed;
      /** For each request its fields as JSON, or null where it is a line. */
      readonly fields: readonly (string | null)[];
      /** 16 octets a request. */
      readonly serials: Uint8Array;
      readonly at: number;
    }
  | {
      readonly kind: 'sign';
      readonly chunk: number;
      readonly rows: readonly number[];
      readonly keyId: string;
    }
  | { readonly kind: 'take'; readonly chunk: number; readonly rows: readonly number[] }
  | {
      readonly kind: 'finish';
      readonly chunk: number;
      readonly rows: readonly number[];
      readonly taken: Packed;
      readonly signatures: Packed;
    };

/** To a worker, without an answer. */
export type Notice =
  | { readonly kind: 'install'; readonly keyId: string; readonly key: KeyObject }
  | { readonly kind: 'release'; readonly chunk: number };

/** From a worker: the answer to its oldest task. */
export type Answer =
  | { readonly kind: 'prepared'; readonly texts: string; readonly digests: Uint8Array }
  | {
      readonly kind: 'signed';
      readonly certificates: Packed;
      readonly fingerprints: Uint8Array;
      /** A piece a row: the envelope, or where there is no recipient the key itself, that we made; else empty. */
      readonly keys: Packed;
    }
  | { readonly kind: 'taken'; readonly tbs: Packed }
  | { readonly kind: 'refused'; readonly refusal: PackedRefusal }
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string };

export interface PackedRefusal {
  readonly code: RefusalCode;
  readonly message: string;
  readonly facts: PkiError['facts'];
  readonly violations: PkiError['violations'];
}

export const packRefusal = ({ code, message, facts, violations }: PkiError): PackedRefusal => ({
  code,
  message,
  facts,
  violations,
});

export const unpackRefusal = ({ code, message, facts, violations }: PackedRefusal): PkiError =>
  new PkiError(code, message, { facts, violations } satisfies RefusalDetail);

const hexless = (octets: Uint8Array): string => Buffer.from(octets).toString('base64');

export const packContext = (context: IssueContext): string =>
  JSON.stringify({
    ...context,
    issuer: { ...context.issuer, certificate: hexless(context.issuer.certificate) },
    ...(context.making && {
      making: { ...context.making, recipient: context.making.recipient && hexless(context.making.recipient) },
    }),
  });

export function unpackContext(text: string): IssueContext {
  const context = JSON.parse(text);
  const octetsOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
  const { issuer, making } = context;
  return {
    ...context,
    issuer: { ...issuer, certificate: octetsOf(issuer.certificate) },
    ...(making && { making: { ...making, recipient: making.recipient && octetsOf(making.recipient) } }),
  };
}

/** Serial, key digest, TBS digest. */
const DIGESTS = { serial: 16, key: 32, tbs: 32 } as const;
const DIGEST_OCTETS = DIGESTS.serial + DIGESTS.key + DIGESTS.tbs;

type RowText =
  | readonly [
      deviceId: string,
      foldedId: string | 0,
      profile: string,
      notBefore: number,
      notAfter: number,
      notAfterAsked: 0 | 1,
      labels: string | null,
      labelsAsked: 0 | 1,
      supersede: string | null,
      warnings: readonly string[] | 0,
      made: 0 | 1,
      revokeOld: RevokeOld | 0,
    ]
  | { readonly refusal: PackedRefusal; readonly deviceId: string | null };

function packRow(row: PreparedRow): RowText {
  if ('refusal' in row) return { refusal: packRefusal(row.refusal), deviceId: row.deviceId };
  const { intent, warnings } = row;
  return [
    intent.deviceId,
    intent.foldedId === intent.deviceId ? 0 : intent.foldedId,
    intent.profile,
    intent.notBefore.getTime(),
    intent.notAfter.getTime(),
    intent.notAfterAsked ? 1 : 0,
    intent.labels,
    intent.labelsAsked ? 1 : 0,
    intent.supersede,
    warnings.length === 0 ? 0 : warnings,
    intent.made === null ? 0 : 1,
    intent.revokeOld ?? 0,
  ];
}

/** Prepared rows as one text and one run of octets: many small objects would be dear to clone. */
export function packRows(rows: readonly PreparedRow[]): {
  readonly texts: string;
  readonly digests: Uint8Array;
} {
  const digests = new Uint8Array(rows.length * DIGEST_OCTETS);
  rows.forEach((row, i) => {
    if ('refusal' in row) return;
    const at = i * DIGEST_OCTETS;
    digests.set(row.intent.serial, at);
    digests.set(row.intent.keyDigest, at + DIGESTS.serial);
    digests.set(row.intent.tbsDigest, at + DIGESTS.serial + DIGESTS.key);
  });
  return { texts: JSON.stringify(rows.map(packRow)), digests };
}

/** What rows of a chunk have in common, and need not be told by the worker. */
export interface InCommon {
  readonly issuerId: number;
  readonly profileDigest: (profile: string) => Uint8Array;
  readonly recipientDigest: Uint8Array | null;
  readonly renews: Predecessor | null;
}

export function unpackRows(
  texts: string,
  digests: Uint8Array,
  { issuerId, profileDigest, recipientDigest, renews }: InCommon,
): readonly PreparedRow[] {
  const rows: readonly RowText[] = JSON.parse(texts);
  return rows.map((row, i) => {
    if ('refusal' in row) return { refusal: unpackRefusal(row.refusal), deviceId: row.deviceId };
    const [deviceId, foldedId, profile, notBefore, notAfter, asked, ...rest] = row;
    const [labels, labelsAsked, supersede, warnings, made, revokeOld] = rest;
    const at = i * DIGEST_OCTETS;
    const keyAt = at + DIGESTS.serial;
    const tbsAt = keyAt + DIGESTS.key;
    const intent: IntentRow = {
      deviceId,
      foldedId: foldedId === 0 ? deviceId : foldedId,
      profile,
      profileDigest: profileDigest(profile),
      issuerId,
      serial: digests.subarray(at, keyAt),
      keyDigest: digests.subarray(keyAt, tbsAt),
      tbsDigest: digests.subarray(tbsAt, at + DIGEST_OCTETS),
      notBefore: new Date(notBefore),
      notAfter: new Date(notAfter),
      notAfterAsked: asked === 1,
      labels,
      labelsAsked: labelsAsked === 1,
      supersede,
      made: made === 1 ? { recipientDigest } : null,
      revokeOld: revokeOld === 0 ? null : revokeOld,
      renews,
    };
    return { intent, warnings: warnings === 0 ? [] : warnings };
  });
}
