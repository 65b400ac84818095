import { z } from 'zod';
import { parsePem } from '../../asn1/index.ts';
import {
  type ForeignCertificateRow,
  type ForeignLot,
  type ForeignOutcome,
  importCertificates,
} from '../../ca/index.ts';
import { fitJson, parseStrictJson, verifyNoPrivateKey } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../../x509/index.ts';
import { readImportText } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { mediaTypeOf } from '../media-type.ts';
import { getFleet } from '../names.ts';
import { problemOf } from '../problems.ts';
import { fitQuery } from '../query.ts';
import { sendJson } from '../web.ts';

const reasons = Object.keys(REVOCATION_REASONS) as [RevocationReason, ...RevocationReason[]];

/** One certificate of a fleet from elsewhere. */
export const importedRowSchema = z.strictObject({
  /** PEM, or DER in base64. */
  certificate: z.string().min(1).max(32_768),
  /** Its CN without. */
  deviceId: z.string().min(1).max(256).optional(),
  revoked: z
    .strictObject({
      /** RFC 3339, with any offset; now without. */
      at: z.iso.datetime({ offset: true }).optional(),
      reason: z.enum(reasons).default('unspecified'),
    })
    .optional(),
});

const importQuery = z.strictObject({
  profile: z.string().min(1).max(63).optional(),
  dryRun: z.literal('true').optional(),
});

/** One transaction takes as many. */
const MOST_ROWS = 500;
const TYPES = ['application/x-ndjson', 'application/jsonl'] as const;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function decodeCertificate(text: string): Uint8Array {
  if (!text.includes('-----')) {
    if (BASE64.test(text)) return Buffer.from(text, 'base64');
    throw new PkiError('bad-pem', 'The certificate is neither PEM nor base64.');
  }
  const [block, second] = parsePem(text);
  if (block?.label === 'CERTIFICATE' && !second) return block.der;
  throw new PkiError('bad-pem', 'One certificate is due, and nothing beside it.');
}

function readRow(line: string): ForeignCertificateRow | PkiError {
  try {
    verifyNoPrivateKey(line);
    const { certificate, deviceId = null, revoked } = fitJson(importedRowSchema, parseStrictJson(line));
    const at = revoked?.at === undefined ? null : new Date(revoked.at);
    const revocation = revoked ? { at, reason: revoked.reason } : null;
    return { der: decodeCertificate(certificate), deviceId, revocation };
  } catch (failure) {
    if (failure instanceof PkiError) return failure;
    throw failure;
  }
}

/** Refuses `too-large` where there are more than one call takes. */
function readRows(text: string): ForeignLot['rows'] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length > MOST_ROWS)
    throw new PkiError(
      'too-large',
      `One call takes at most ${MOST_ROWS} certificates: send the next in another.`,
    );
  return lines.map(readRow);
}

const hex = (octets: Uint8Array | null): string | null =>
  octets === null ? null : Buffer.from(octets).toString('hex');

const rowJson = (outcome: ForeignOutcome, i: number) => ({
  row: i + 1,
  status: outcome.status,
  deviceId: outcome.deviceId,
  serial: hex(outcome.serial),
  id: hex(outcome.fingerprint),
  revoked: outcome.isRevoked,
  warnings: outcome.warnings,
  ...(outcome.refusal === null ? {} : { problem: problemOf(outcome.refusal) }),
});

/** How many rows came to what; `revoked` are among the others. */
const summaryOf = (outcomes: readonly ForeignOutcome[]) => {
  const count = (is: (outcome: ForeignOutcome) => boolean): number => outcomes.filter(is).length;
  return {
    rows: outcomes.length,
    imported: count(({ status }) => status === 'imported'),
    known: count(({ status }) => status === 'known'),
    refused: count(({ status }) => status === 'refused'),
    revoked: count(({ isRevoked }) => isRevoked),
  };
};

async function importForeign(call: Call): Promise<void> {
  const { edge, act, req, res } = call;
  const { profile = null, dryRun } = fitQuery(importQuery, req);
  const fleet = await getFleet(call);
  mediaTypeOf(req, TYPES);
  const rows = readRows(await readImportText(call));
  const mode = dryRun === 'true' ? 'judge' : 'record';
  const outcomes = await importCertificates(edge.ca, act, fleet, { profile, rows, mode });
  if (mode === 'record' && outcomes.some(({ isRevoked }) => isRevoked)) edge.lists.soon();
  sendJson(res, 200, {
    dryRun: mode === 'judge',
    rows: outcomes.map(rowJson),
    summary: summaryOf(outcomes),
  });
}

export const importRoutes: readonly GuardedRoute[] = [
  {
    scope: 'fleet',
    what: 'fleet',
    method: 'post',
    path: '/v1/fleets/:fleet/certificates/import',
    permission: 'certificate:import',
    handle: importForeign,
  },
];
