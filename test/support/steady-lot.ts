/** A lot whose rows come as a line makes them, for as long as the test likes; it is cut off, and goes on. */
import { setTimeout as pause } from 'node:timers/promises';
import type { TestKey } from './csr.ts';
import { makeDevice, rowOf, type TestFleet } from './fleet.ts';
import { type LotUpload, openLot } from './lot-upload.ts';
import type { Service } from './service.ts';

export interface SteadyRow {
  readonly deviceId: string;
  readonly key: TestKey;
  /** The leaf, PEM. */
  readonly certificate: string;
}

export interface SteadyLot {
  /** Cuts the connection, and sends all rows again, on another one, under the same id. */
  cut(): Promise<void>;
  /** Sends no more. Gives the summary of the answer, or rejects with what was wrong with it. */
  end(): Promise<Readonly<Record<string, number>>>;
}

interface Wish {
  /** Its Idempotency-Key, which its devices are named after. */
  readonly name: string;
  readonly query: string;
  /** What a row has beside its request, when it is made. */
  readonly more?: () => Record<string, unknown>;
  /** Told of each certificate, when it has come. */
  readonly took: (row: SteadyRow) => void;
}

const ROWS_AT_ONCE = 6;
const EVERY_MS = 100;

export function startSteadyLot(
  service: Service,
  fleet: TestFleet,
  { name, query, more = () => ({}), took }: Wish,
): SteadyLot {
  const rows: { readonly deviceId: string; readonly key: TestKey; readonly line: string }[] = [];
  const held = new Map<number, string>();
  const complaints: string[] = [];
  let isOver = false;

  function take(line: string): Readonly<Record<string, number>> | undefined {
    const outcome = JSON.parse(line);
    if (outcome.summary) return outcome.summary;
    const at = Number(outcome.row) - 1;
    const sent = rows[at];
    const before = held.get(at);
    const { status, certificate } = outcome;
    if (!sent || certificate === undefined) complaints.push(`row ${outcome.row} is ${line.slice(0, 400)}`);
    else if (before === undefined) {
      held.set(at, certificate);
      took({ deviceId: sent.deviceId, key: sent.key, certificate });
    } else if (before !== certificate || status !== 'replayed')
      complaints.push(`${sent.deviceId} has another certificate than before`);
    return undefined;
  }

  /** The summary; undefined where the answer was cut off. */
  async function read(upload: LotUpload): Promise<Readonly<Record<string, number>> | undefined> {
    let text = '';
    try {
      for await (const piece of (await upload.opened).setEncoding('utf8')) {
        const lines = (text + piece).split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) {
          const summary = take(line);
          if (summary) return summary;
        }
      }
    } catch {
      // It was cut, which the test has done.
    }
    return undefined;
  }

  const open = () => {
    const upload = openLot(service, fleet, { key: name, query });
    return { upload, answer: read(upload) };
  };
  let now = open();
  const made = (): string => {
    const { deviceId, key, csr } = makeDevice(`${name}-${rows.length + 1}`);
    const line = rowOf(csr, more());
    rows.push({ deviceId, key, line });
    return line;
  };
  const pacing = (async () => {
    while (!isOver) {
      // At once, so that a connection that takes the place of this one finds all that are made.
      now.upload.request.write(Array.from({ length: ROWS_AT_ONCE }, made).join(''));
      await pause(EVERY_MS);
    }
  })();

  return {
    cut: async () => {
      const before = now;
      before.upload.hangUp();
      await before.answer;
      now = open();
      now.upload.request.write(rows.map(({ line }) => line).join(''));
    },
    end: async () => {
      isOver = true;
      await pacing;
      now.upload.request.end();
      const summary = await now.answer;
      if (!summary) complaints.push('the answer has no summary');
      if (held.size !== rows.length)
        complaints.push(`${held.size} of ${rows.length} rows have a certificate`);
      if (complaints.length > 0) throw new Error(complaints.slice(0, 10).join('\n'));
      return summary ?? {};
    },
  };
}
