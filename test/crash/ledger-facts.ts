import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { openReadOnly } from '../../src/store/driver.ts';
import { verifyPostgresLedger } from '../../src/store/index.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { encodeCertificatePem } from '../../src/x509/index.ts';
import { isOnServer } from '../support/engine.ts';
import { withLedgerFile } from '../support/ledger-file.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** What the database says of a fleet's certificates, read without the service. */
export interface LedgerFacts {
  /** Every certificate of each device, PEM, oldest first. */
  readonly certificates: ReadonlyMap<string, readonly string[]>;
  readonly serials: readonly string[];
  /** SHA-256 of every to-be-signed certificate that an intent was recorded for. */
  readonly intended: ReadonlySet<string>;
  readonly states: Readonly<Record<string, number>>;
}

export const readLedgerFacts = (database: string): Promise<LedgerFacts> =>
  withLedgerFile(database, readFacts);

function readFacts(databaseFile: string): LedgerFacts {
  const connection = openReadOnly(databaseFile);
  try {
    const issued = connection
      .prepare(
        `SELECT d.device_id, c.der, i.serial FROM certificate c JOIN intent i ON i.id = c.intent_id
         JOIN device d ON d.id = i.device ORDER BY i.id`,
      )
      .all() as { device_id: string; der: Uint8Array; serial: Uint8Array }[];
    const intents = connection
      .prepare(
        `SELECT i.tbs_digest, CASE WHEN i.abandoned THEN 'abandoned'
           WHEN coalesce(c.intent_id, g.issued_audit_seq) IS NULL THEN 'open' ELSE 'completed' END AS state
         FROM intent i JOIN intent_chunk k ON k.id = i.chunk_id LEFT JOIN certificate c ON c.intent_id = i.id
         LEFT JOIN generation g ON k.kind = 'authority' AND g.audit_seq = k.audit_seq`,
      )
      .all() as {
      tbs_digest: Uint8Array;
      state: string;
    }[];
    const certificates = new Map<string, string[]>();
    for (const { device_id, der } of issued) {
      certificates.set(device_id, [...(certificates.get(device_id) ?? []), encodeCertificatePem(der)]);
    }
    const states: Record<string, number> = {};
    for (const { state } of intents) states[state] = (states[state] ?? 0) + 1;
    return {
      certificates,
      serials: issued.map(({ serial }) => hex(serial)),
      intended: new Set(intents.map(({ tbs_digest }) => hex(tbs_digest))),
      states,
    };
  } finally {
    connection.close();
  }
}

/** What a client holds and the ledger does not say octet for octet: empty where nothing was lost. */
export const missingFrom = (
  { certificates }: LedgerFacts,
  held: ReadonlyMap<string, string>,
): readonly string[] =>
  [...held]
    .filter(([deviceId, pem]) => !certificates.get(deviceId)?.includes(pem))
    .map(([deviceId]) => deviceId);

/** Devices with more than one certificate. */
export const doubledIn = ({ certificates }: LedgerFacts): readonly string[] =>
  [...certificates].filter(([, all]) => all.length !== 1).map(([deviceId]) => deviceId);

/** What `audit verify` finds in a database. */
export async function ledgerProblems(database: string): Promise<readonly string[]> {
  const report = isOnServer(database) ? await verifyPostgresLedger(database) : verifyLedger(database);
  return report.problems.map(({ what }) => what);
}

const SEQUENCE = '30';
/** The service's own CA names itself so in what it signs; its certificates are no part of the ledger. */
const SERVICE_CA = hex(Buffer.from('fleetca service CA', 'utf8'));

/** A line that a kill tore while it was written: the signature it announced was never made. */
function isTorn(line: string): boolean {
  const octets = Buffer.from(line, 'hex');
  return octets.length < 4 || octets.length < 4 + octets.readUInt16BE(2);
}

/** To-be-signed certificates that an observer saw and no intent tells of. */
export function unexplainedIn({ intended }: LedgerFacts, signingRecord: string): readonly string[] {
  if (!existsSync(signingRecord)) return [];
  const lines = readFileSync(signingRecord, 'latin1').split('\n').slice(0, -1);
  return lines.filter((line) => {
    if (!line.startsWith(SEQUENCE) || line.includes(SERVICE_CA) || isTorn(line)) return false;
    return !intended.has(createHash('sha256').update(Buffer.from(line, 'hex')).digest('hex'));
  });
}
