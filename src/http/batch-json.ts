import { createHash } from 'node:crypto';
import type { Attempt, Batch, StoredOutcome } from '../batch/index.ts';
import type { Fleet } from '../ca/index.ts';
import { encodeCertificatePem } from '../x509/index.ts';
import { formatInstant, formatInstantOrNull } from './instant.ts';
import { problemOfRow } from './problems.ts';
import { encodeEnvelopePem } from './recipient.ts';

/** One line of an answer: what became of a row. */
export const outcomeJson = ({
  row,
  deviceId,
  status,
  serial,
  certificate,
  problem,
  warnings,
  envelope,
}: StoredOutcome) => ({
  row,
  deviceId,
  status,
  ...(serial === null ? {} : { serial: Buffer.from(serial).toString('hex') }),
  ...(certificate === null ? {} : { certificate: encodeCertificatePem(certificate) }),
  ...(envelope === null ? {} : { envelope: encodeEnvelopePem(envelope) }),
  ...(problem === null ? {} : { problem: problemOfRow(problem) }),
  ...(warnings.length === 0 ? {} : { warnings }),
});

/** The last line: only an answer that ends with it is whole. */
export const summaryJson = (batchId: string, attempt: Attempt, chain: string) => ({
  summary: {
    batch: batchId,
    attempt: attempt.number,
    rows: attempt.rows,
    issued: attempt.issued,
    replayed: attempt.replayed,
    refused: attempt.refused,
    failed: attempt.failed,
    chain,
  },
});

const attemptJson = ({
  number,
  state,
  rows,
  issued,
  replayed,
  refused,
  failed,
  startedAt,
  endedAt,
}: Attempt) => ({
  number,
  state,
  rows,
  issued,
  replayed,
  refused,
  failed,
  startedAt: formatInstant(startedAt),
  endedAt: formatInstantOrNull(endedAt),
});

/** Whom keys are encrypted for, by the SHA-256 of the certificate. */
const makingJson = ({ making, acknowledged }: Batch) =>
  making === undefined
    ? { recipient: null, keyAlgorithm: null, acknowledged: null }
    : {
        recipient: createHash('sha256').update(making.recipient).digest('hex'),
        keyAlgorithm: making.algorithm,
        acknowledged,
      };

export function batchJson(batch: Batch, fleet: Fleet) {
  const { id, profile, authority, createdAt, attempts } = batch;
  const last = attempts.at(-1);
  if (!last) throw new Error('a batch has no attempt');
  return {
    id,
    fleet: fleet.name,
    profile,
    authority,
    ...makingJson(batch),
    createdAt: formatInstant(createdAt),
    state: last.state,
    attempts: attempts.map(attemptJson),
  };
}

/** Lines of NDJSON. */
export const encodeLines = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');
