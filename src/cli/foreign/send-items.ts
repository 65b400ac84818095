import { createHash, X509Certificate } from 'node:crypto';
import type { Client } from '../client/client.ts';
import { parseAnswer, readWhole } from '../client/json.ts';
import type { ForeignItem } from './item.ts';

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

/** null: the certificate cannot be read, or the pattern does not fit; the service says what is wrong. */
function deviceIdBy(pattern: RegExp, der: Uint8Array): string | null {
  try {
    const { subject } = new X509Certificate(der);
    const [, name = ''] = /^CN=(.*)$/m.exec(subject) ?? [];
    const found = pattern.exec(name);
    return found ? (found[1] ?? found[0]) : null;
  } catch {
    return null;
  }
}

function lineOf(item: ForeignItem, certificate: Uint8Array, pattern: RegExp | null): string {
  const deviceId = item.deviceId ?? (pattern && deviceIdBy(pattern, certificate));
  const { revoked } = item;
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

  async take(item: ForeignItem, certificate: Uint8Array): Promise<void> {
    const line = lineOf(item, certificate, this.#sending.pattern);
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

/** Sends all there is, in chunks; keeps no more than one of them. Gives what came of it. */
export async function sendItems(items: AsyncIterable<ForeignItem>, sending: Sending): Promise<ImportCounts> {
  const outbox = new Outbox(sending);
  const { counts } = outbox;
  for await (const item of items) {
    counts.entries++;
    const { certificate, fault, origin, deviceId } = item;
    if (certificate && sending.authorities.has(fingerprintOf(certificate))) counts.authorities++;
    else if (fault === null && certificate) await outbox.take(item, certificate);
    else {
      counts.refused++;
      const says = fault ?? 'has no certificate';
      await sending.remark({ origin, status: 'refused', deviceId, serial: null, code: 'bad-row', says });
    }
  }
  await outbox.flush();
  return counts;
}
