import { FLEET, openRequest } from './calls.ts';
import type { LotRow } from './lot.ts';
import type { ServiceProcess } from './service-process.ts';

/** How an exchange ended. `whole`: with its summary; `problem`: with why it could not go on. */
interface Exchange {
  readonly ended: 'whole' | 'problem' | 'cut' | 'refused';
  readonly status: number | null;
  /** The code on the answer's last line, where that is a problem. */
  readonly code: string | null;
  /** Rows that were `failed`: theirs is to be asked again. */
  readonly failed: number;
}

interface Sending {
  readonly rows: readonly LotRow[];
  readonly token: string;
  /** The Idempotency-Key. */
  readonly batchId: string;
  /** Told after each row of the answer. */
  readonly onOutcome?: (outcomes: number) => void;
}

export interface ResumingClient {
  /** Every certificate that it was ever handed, PEM, by device. */
  readonly held: ReadonlyMap<string, string>;
  readonly refused: ReadonlySet<string>;
  /** What must not happen, in words: another certificate for a device, a wrong row, a wrong refusal. */
  readonly complaints: readonly string[];
  /** Sends rows and takes what comes back, until the answer ends in whichever way. Never rejects. */
  send(service: ServiceProcess, sending: Sending): Promise<Exchange>;
}

interface OutcomeLine {
  /** None on a last line. */
  readonly row?: number;
  readonly deviceId: string | null;
  readonly status: 'issued' | 'replayed' | 'refused' | 'failed';
  readonly certificate?: string;
  readonly summary?: { readonly rows: number };
  readonly problem?: { readonly code: string };
}

/** A station's client that survives the service: it keeps what it was handed, and holds it against all that follows. */
export function createResumingClient(): ResumingClient {
  const held = new Map<string, string>();
  const refused = new Set<string>();
  const complaints: string[] = [];
  const issuedNow = (row: LotRow, certificate: string | undefined): void => {
    const before = held.get(row.deviceId);
    if (certificate === undefined) complaints.push(`${row.deviceId} was issued without a certificate`);
    else if (before === undefined) held.set(row.deviceId, certificate);
    else if (before !== certificate) complaints.push(`${row.deviceId} has two certificates`);
    if (!row.good) complaints.push(`${row.deviceId}, a bad row, was issued`);
  };
  const take = (rows: readonly LotRow[], at: number, outcome: OutcomeLine): void => {
    const row = rows[at];
    if (!row || outcome.row !== at + 1) complaints.push(`row ${outcome.row} came where ${at + 1} was due`);
    else if (outcome.status === 'issued' || outcome.status === 'replayed')
      issuedNow(row, outcome.certificate);
    else if (outcome.status === 'refused') {
      refused.add(row.deviceId);
      if (row.good) complaints.push(`${row.deviceId}, a good row, was refused: ${JSON.stringify(outcome)}`);
    }
  };

  const send = (service: ServiceProcess, { rows, token, batchId, onOutcome }: Sending): Promise<Exchange> =>
    new Promise((resolve) => {
      let failed = 0;
      let code: string | null = null;
      const end = (ended: Exchange['ended'], status: number | null): void =>
        resolve({ ended, status, code, failed });
      const req = openRequest(service, `/v1/fleets/${FLEET}/batches`, {
        method: 'POST',
        agent: false,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/x-ndjson',
          'idempotency-key': batchId,
        },
      });
      req.on('error', () => end('cut', null));
      req.on('close', () => end('cut', null));
      req.on('response', (res) => {
        const status = res.statusCode ?? 0;
        if (status !== 200) {
          res.resume().on('close', () => end('refused', status));
          return;
        }
        let outcomes = 0;
        let whole = false;
        let text = '';
        const takeLine = (line: OutcomeLine): void => {
          if (line.summary) {
            whole = line.summary.rows === rows.length;
            if (!whole) complaints.push(`the summary counts ${line.summary.rows} rows of ${rows.length}`);
            return;
          }
          if (line.problem && line.row === undefined) {
            code = line.problem.code;
            return;
          }
          take(rows, outcomes++, line);
          if (line.status === 'failed') failed++;
          onOutcome?.(outcomes);
        };
        res.setEncoding('utf8').on('data', (piece: string) => {
          // What stands after the last line feed is no line yet, and is dropped where the answer is cut.
          const lines = (text + piece).split('\n');
          text = lines.pop() ?? '';
          for (const line of lines) takeLine(JSON.parse(line));
        });
        res.on('error', () => undefined);
        res.on('close', () => {
          if (whole) end('whole', status);
          else end(code === null ? 'cut' : 'problem', status);
        });
      });
      // The octets of an upload are handed over as the socket takes them.
      req.write(rows.map(({ line }) => line).join(''));
      req.end();
    });
  return { held, refused, complaints, send };
}
