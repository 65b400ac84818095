/** An upload of a lot whose two directions the test holds in its hands. */
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { type Answer, type CallWish, headersOf, readAnswer } from './client.ts';
import type { TestFleet } from './fleet.ts';
import type { Service } from './service.ts';

export interface LotUpload {
  readonly request: ClientRequest;
  /** The answer's head, which comes before the first row. */
  readonly opened: Promise<IncomingMessage>;
  /** Writes; resolves when the service has room for more. */
  write(rows: string | Uint8Array): Promise<void>;
  /** Ends the upload and reads the whole answer. */
  finish(): Promise<Answer>;
  /** Cuts the connection. */
  hangUp(): void;
}

export interface LotWish extends CallWish {
  readonly key?: string;
  readonly query?: string;
}

export function openLot(
  service: Service,
  fleet: TestFleet,
  { key, query = '', ...wish }: LotWish = {},
): LotUpload {
  const { hostname, port } = new URL(service.apiUrl);
  const path = `/v1/fleets/${fleet.name}/batches${query}`;
  const given = headersOf({ token: fleet.tokens.station, type: 'application/x-ndjson', ...wish });
  const headers = { ...given, ...(key === undefined ? {} : { 'idempotency-key': key }) };
  const upload = request({
    hostname,
    port,
    path,
    method: 'POST',
    headers,
    agent: false,
    ca: service.agent.options.ca,
  });
  upload.on('error', () => undefined);
  upload.flushHeaders();
  const opened = once(upload, 'response').then(([incoming]) => incoming as IncomingMessage);
  opened.catch(() => undefined);
  return {
    request: upload,
    opened,
    write: async (rows) => {
      if (!upload.write(rows)) await once(upload, 'drain');
    },
    finish: async () => {
      upload.end();
      return readAnswer(await opened, 'POST', path);
    },
    hangUp: () => upload.destroy(),
  };
}

/** Sends a lot whole. */
export async function sendLot(
  service: Service,
  fleet: TestFleet,
  rows: string | Uint8Array,
  wish: LotWish = {},
): Promise<Answer> {
  const upload = openLot(service, fleet, wish);
  await upload.write(rows);
  return upload.finish();
}
