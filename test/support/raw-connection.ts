/** Octets as they are written, over TLS: what no HTTP client would send. */
import { readFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Service } from './service.ts';

export interface RawConnection {
  readonly socket: Socket;
  write(text: string | Uint8Array): void;
  /** All that has come so far. */
  received(): string;
  /** The status lines that have come so far. */
  statuses(): readonly number[];
  /** Resolves when so many answers have begun, or the connection has ended. */
  answers(count: number): Promise<readonly number[]>;
  /** Resolves with milliseconds when the service has closed the connection. */
  ended(): Promise<number>;
}

function follow(socket: Socket): RawConnection {
  const begun = performance.now();
  let text = '';
  let isClosed = false;
  let wake: () => void = () => undefined;
  const changed = () => wake();
  socket.on('data', (piece) => {
    text += piece.toString('latin1');
    changed();
  });
  socket.on('error', () => undefined);
  socket.once('close', () => {
    isClosed = true;
    changed();
  });
  const until = async (met: () => boolean): Promise<void> => {
    while (!met() && !isClosed) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const statuses = () =>
    [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)]
      .map(([, status]) => Number(status))
      .filter((one) => one !== 100);
  return {
    socket,
    write: (octets) => void (socket.writable && socket.write(octets)),
    received: () => text,
    statuses,
    answers: async (count) => {
      await until(() => statuses().length >= count);
      return statuses();
    },
    ended: async () => {
      await until(() => false);
      return performance.now() - begun;
    },
  };
}

/** Connects to the API. */
export function openRaw({ apiUrl, caFile }: Service): Promise<RawConnection> {
  const { hostname: host, port } = new URL(apiUrl);
  const ca = readFileSync(String(caFile));
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: Number(port), ca, servername: 'localhost' });
    socket.once('error', reject);
    socket.once('secureConnect', () => resolve(follow(socket)));
  });
}

/** Connects to the plain HTTP listener. */
export function openRawPlain({ publicUrl }: Service): Promise<RawConnection> {
  const { hostname: host, port } = new URL(String(publicUrl));
  return new Promise((resolve, reject) => {
    const socket = connectPlain({ host, port: Number(port) });
    socket.once('error', reject);
    socket.once('connect', () => resolve(follow(socket)));
  });
}
