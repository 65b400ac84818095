import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { postgresPrograms } from './postgres-programs.ts';

/** A PostgreSQL server of the tests' own: a folder under the system's temporary one, a free port of loopback. */
export interface PostgresServer {
  readonly port: number;
  /** A database of its own, empty, and a role that owns it and nothing else; answers its URL. */
  newDatabase(): Promise<string>;
  /** A copy of a database that nobody is connected to, of the same owner; answers its URL. */
  copyDatabase(url: string): Promise<string>;
  /** Runs statements as the superuser, in a database (the URL's), or in `postgres`. */
  administer<O>(sql: string, url?: string): Promise<readonly O[]>;
  /** Sets the server up otherwise, until `reset`. Resolves when it holds. */
  configure(setting: string, value: string): Promise<() => Promise<void>>;
  /** What it has logged. */
  log(): string;
  /** Where its log of what is to be redone lies. */
  readonly walFolder: string;
  /** Ends it as a power cut would: nothing is written any more (`pg_ctl stop -m immediate`). */
  breakDown(): Promise<void>;
  /** Starts it again, on the same port; resolves when it answers. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

/** Who runs the server: it refuses to run as root. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }).trim());
  return { uid: id('-u'), gid: id('-g') };
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });

/**
 * Ends the server when the pipe to it closes, which it does with this process however that ends, and
 * removes its folder where it is told so. The signal is that of a fast shutdown.
 */
const KEEPER =
  'folder=$1; shift; "$@" & server=$!; read -r word; kill -INT $server; wait $server; [ "$word" = stay ] || rm -rf "$folder"';

async function untilItAnswers(child: ChildProcess, url: string, said: () => string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (failure) {
      client.end().catch(() => undefined);
      if (Date.now() > deadline || child.exitCode !== null) {
        throw new Error(`PostgreSQL does not start: ${said()}`, { cause: failure });
      }
      await sleep(50);
    }
  }
}

/** Starts a server. Its texts are sorted as people do, so that what must be sorted bytewise has to say so. */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = postgresPrograms();
  const owner = unprivileged();
  const folder = mkdtempSync(join(tmpdir(), 'fleetca-postgres-'));
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid ?? 0);
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o644 });
  const data = join(folder, 'data');
  const initdb = [
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
  ];
  const locale = ['--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en-US', '--no-sync'];
  execFileSync(join(programs, 'initdb'), [...initdb, ...locale], { cwd: folder, stdio: 'pipe', ...owner });

  const port = await freePort();
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '' };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  let said = '';
  const launch = () => {
    const command = [join(programs, 'postgres'), '-D', data, ...options];
    const started = spawn('sh', ['-c', KEEPER, 'sh', folder, ...command], {
      cwd: '/',
      stdio: ['pipe', 'ignore', 'pipe'],
      ...owner,
    });
    started.stderr.on('data', (text) => {
      said += text;
    });
    // It ends with this process, and must not keep it.
    started.unref();
    for (const pipe of [started.stdin, started.stderr]) (pipe as unknown as Socket).unref();
    return started;
  };
  let child = launch();
  /** Lets the server go, and waits until it has gone. */
  const letGo = async (word: 'stay' | 'go'): Promise<void> => {
    const ended = once(child, 'exit');
    child.ref();
    child.stdin.end(`${word}\n`);
    await ended;
  };
  const urlOf = (user: string, secret: string, database: string): string =>
    `postgres://${user}:${secret}@127.0.0.1:${port}/${database}`;
  const untilUp = () =>
    untilItAnswers(child, urlOf('postgres', password, 'postgres'), () => said.slice(-4000));
  await untilUp();

  const administer = async <O>(sql: string, url?: string): Promise<readonly O[]> => {
    const database = url === undefined ? 'postgres' : new URL(url).pathname.slice(1);
    const client = new pg.Client({ connectionString: urlOf('postgres', password, database) });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const results = await client.query(sql);
      return (Array.isArray(results) ? results.at(-1) : results).rows;
    } finally {
      await client.end();
    }
  };
  const untilItIs = async (setting: string, holds: (value: string) => boolean): Promise<void> => {
    for (;;) {
      const [row] = await administer<{ value: string }>(`SELECT current_setting('${setting}') AS value`);
      if (row && holds(row.value)) return;
      await sleep(20);
    }
  };
  return {
    port,
    administer,
    newDatabase: async () => {
      const name = `t${randomBytes(6).toString('hex')}`;
      await administer(`CREATE ROLE ${name} LOGIN PASSWORD '${name}-secret'`);
      await administer(`CREATE DATABASE ${name} OWNER ${name}`);
      return urlOf(name, `${name}-secret`, name);
    },
    copyDatabase: async (url) => {
      const copy = new URL(url);
      const name = `t${randomBytes(6).toString('hex')}`;
      const original = copy.pathname.slice(1);
      await administer(`CREATE DATABASE ${name} OWNER ${copy.username} TEMPLATE ${original}`);
      copy.pathname = `/${name}`;
      return copy.href;
    },
    configure: async (setting, value) => {
      await administer(`ALTER SYSTEM SET ${setting} = ${value}`);
      await administer('SELECT pg_reload_conf()');
      await untilItIs(setting, (now) => now === value);
      return async () => {
        await administer(`ALTER SYSTEM RESET ${setting}`);
        await administer('SELECT pg_reload_conf()');
        await untilItIs(setting, (now) => now !== value);
      };
    },
    log: () => said,
    walFolder: join(data, 'pg_wal'),
    breakDown: async () => {
      const [pid] = readFileSync(join(data, 'postmaster.pid'), 'latin1').split('\n');
      process.kill(Number(pid), 'SIGQUIT');
      await letGo('stay');
    },
    startAgain: async () => {
      child = launch();
      await untilUp();
    },
    stop: () => letGo('go'),
  };
}
