import { createHash, X509Certificate } from 'node:crypto';
import type { Client } from '../client/client.ts';
import { parseAnswer, readWhole } from '../client/json.ts';
import { type ForeignItem, MAX_CERTIFICATE_OCTETS } from './item.ts';

/** What the service says of a line. */
interface RowAnswer {
  readonly status: 'imported' | 'known' | 'refused';
  readonly deviceId: string | null;
  readonly serial: string | null;
  readonly revoked: boolean;
  readonly warnings: readonly string[];
  readonly problem?: { readonly code: string; readonly detail?: string };
}

/** One that was refused, or of which something is to be said. */
export interface Remark {
  readonly origin: string;
  readonly status: 'imported' | 'known' | 'refused';
  readonly deviceId: string | null;
  readonly serial: string | null;
  readonly code: string | null;
  readonly says: string;
}

export interface ImportCounts {
  readonly entries: number;
  readonly imported: number;
  readonly known: number;
  readonly revoked: number;
  readonly refused: number;
  /** Certificates of the fleet's CAs. */
  readonly authorities: number;
}

export interface Sending {
  readonly client: Client;
  /** `/v1/fleets/<fleet>`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** SHA-256 of the certificates of the fleet's CAs, hex. */
  readonly authorities: ReadonlySet<string>;
  /** Its first group, or the whole match, in the CN is the device ID. */
  readonly pattern: RegExp | null;
  readonly remark: (remark: Remark) => Promise<void>;
  readonly progress: (counts: ImportCounts) => void;
}

/** As many as one call takes. */
const ROWS = 500;
/** Well under the 4 MiB of a call. */
const OCTETS = 3 * 2 ** 20;

const fingerprintOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');

/** The CN; null where the certificate cannot be read: the service says what is wrong with it. */
function commonNameOf(der: Uint8Array): string | null {
  try {
    return /^CN=(.*)$/m.exec(new X509Certificate(der).subject)?.[1] ?? '';
  } catch {
    return null;
  }
}

/** The device that an entry names itself, or by the pattern; null: the service takes the CN. */
function deviceOf(
  { deviceId }: ForeignItem,
  certificate: Uint8Array,
  pattern: RegExp | null,
): { readonly deviceId: string | null } | { readonly fault: string } {
  const name = pattern === null || deviceId !== null ? null : commonNameOf(certificate);
  if (pattern === null || name === null) return { deviceId };
  const found = pattern.exec(name);
  if (!found) return { fault: `has the common name ${name}, which the pattern of device IDs does not fit` };
  return { deviceId: found[1] ?? found[0] };
}

function lineOf({ revoked }: ForeignItem, certificate: Uint8Array, deviceId: string | null): string {
  return `${JSON.stringify({
    certificate: Buffer.from(certificate).toString('base64'),
    ...(deviceId === null ? {} : { deviceId }),
    ...(revoked === null
      ? {}
      : { revoked: { ...(revoked.at === null ? {} : { at: revoked.at }), reason: revoked.reason } }),
  })}\n`;
}

interface Waiting {
  readonly item: ForeignItem;
  readonly line: string;
}

async function sendChunk({ client, path, query }: Sending, chunk: readonly Waiting[]) {
  const answer = await client.send({
    method: 'POST',
    path: `${path}/certificates/import`,
    query,
    headers: { Accept: 'application/json', 'Content-Type': 'application/x-ndjson' },
    body: chunk.map(({ line }) => line).join(''),
    isRepeatable: true,
  });
  const text = (await readWhole(client, answer)).toString('utf8');
  return parseAnswer<{ rows: readonly RowAnswer[] }>(text).rows;
}

function remarksOf({ origin, note }: ForeignItem, row: RowAnswer): readonly Remark[] {
  const { status, deviceId, serial, problem } = row;
  const about = { origin, status, deviceId, serial };
  if (problem) return [{ ...about, code: problem.code, says: problem.detail ?? problem.code }];
  const said = [...row.warnings, ...(note === null ? [] : [note])];
  return said.map((says) => ({ ...about, code: null, says }));
}

/** Collects rows, and sends them when they are as many as one call takes. */
class Outbox {
  readonly counts = { entries: 0, imported: 0, known: 0, revoked: 0, refused: 0, authorities: 0 };
  readonly #sending: Sending;
  #waiting: Waiting[] = [];
  #octets = 0;

  constructor(sending: Sending) {
    this.#sending = sending;
  }

  async take(item: ForeignItem, certificate: Uint8Array, deviceId: string | null): Promise<void> {
    const line = lineOf(item, certificate, deviceId);
    if (this.#octets + line.length > OCTETS) await this.flush();
    this.#waiting.push({ item, line });
    this.#octets += line.length;
    if (this.#waiting.length === ROWS) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const chunk = this.#waiting;
    [this.#waiting, this.#octets] = [[], 0];
    for (const [i, row] of (await sendChunk(this.#sending, chunk)).entries()) {
      this.counts[row.status]++;
      if (row.revoked) this.counts.revoked++;
      for (const remark of remarksOf(chunk[i]?.item as ForeignItem, row)) await this.#sending.remark(remark);
    }
    this.#sending.progress({ ...this.counts });
  }
}

/** What is sent of an entry, or why nothing is. */
function judge(
  item: ForeignItem,
  { authorities, pattern }: Sending,
):
  | { readonly certificate: Uint8Array; readonly deviceId: string | null }
  | { readonly fault: string }
  | 'authority' {
  const { certificates, fault } = item;
  // Beside a device's certificate may stand those of the CAs above it.
  const certificate = certificates.find((der) => !authorities.has(fingerprintOf(der)));
  if (certificates.length > 0 && !certificate) return 'authority';
  if (fault !== null || !certificate) return { fault: fault ?? 'has no certificate' };
  if (certificate.length > MAX_CERTIFICATE_OCTETS)
    return { fault: `has ${certificate.length} octets, and a certificate at most ${MAX_CERTIFICATE_OCTETS}` };
  const device = deviceOf(item, certificate, pattern);
  return 'fault' in device ? device : { certificate, ...device };
}

/** Sends all there is, in chunks; keeps no more than one of them. Gives what came of it. */
export async function sendItems(items: AsyncIterable<ForeignItem>, sending: Sending): Promise<ImportCounts> {
  const outbox = new Outbox(sending);
  const { counts } = outbox;
  for await (const item of items) {
    counts.entries++;
    const judged = judge(item, sending);
    if (judged === 'authority') counts.authorities++;
    else if ('certificate' in judged) await outbox.take(item, judged.certificate, judged.deviceId);
    else {
      counts.refused++;
      const { origin, deviceId } = item;
      const says = judged.fault;
      await sending.remark({ origin, status: 'refused', deviceId, serial: null, code: 'bad-row', says });
    }
  }
  await outbox.flush();
  return counts;
}
