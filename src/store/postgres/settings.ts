import pg from 'pg';
import { PkiError } from '../../errors.ts';
import { int8 } from './int8.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** No statement of ours takes as long; a server that says nothing for so long is gone. */
const ANSWER_TIMEOUT_MS = 120_000;
const INT8 = 20;

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary'
      ? int8
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

/** How every connection is made. `name` is what the server's list of connections shows. */
const configOf = (url: string, name: string): pg.ClientConfig => ({
  connectionString: url,
  application_name: name,
  types,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  query_timeout: ANSWER_TIMEOUT_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
});

/** What refuses a URL quotes it, and with it the password: nothing of that is passed on. */
function refuseUrl(): never {
  throw new PkiError(
    'storage-unavailable',
    'The URL of the database cannot be read. It has the form postgres://user:password@host:5432/name.',
  );
}

/** A client that is not connected yet. What befalls it while nobody waits for it is told to `lost`. */
export function newClient(url: string, name: string, lost: (cause: unknown) => void): pg.Client {
  if (!/^postgres(ql)?:\/\//.test(url)) refuseUrl();
  let client: pg.Client;
  try {
    client = new pg.Client(configOf(url, name));
  } catch {
    return refuseUrl();
  }
  // Without a listener, a server that stops would end this process.
  client.on('error', lost);
  return client;
}

/** Connections that read. They are few: reads are short, and the writer has one of its own. */
const READERS = 4;

export function newPool(url: string, name: string): pg.Pool {
  const pool = new pg.Pool({ ...configOf(url, name), max: READERS, idleTimeoutMillis: 60_000 });
  // Of idle connections: the pool drops them, and the next read makes another.
  pool.on('error', () => undefined);
  return pool;
}
