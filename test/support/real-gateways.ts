/** nginx and HAProxy as gateways, with the configuration that fleetca writes, before services that tell what they are told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ConfigFile, type GatewayKind, gatewayConfig, parseTrust } from '../../src/gateway/index.ts';
import { freePort, listening } from './free-port.ts';
import type { Made } from './gateway-shop.ts';
import { scratchFolder } from './service.ts';

/** The OTA services behind a gateway: they answer with the path and the headers that came. */
export async function startUpstream(): Promise<{ readonly url: string; close(): void }> {
  const server: Server = createServer((req, res) => {
    const { 'x-ats-device-uuid': id, 'x-ats-namespace': namespace } = req.headers;
    req.resume().on('end', () => res.end(JSON.stringify({ path: req.url, id, namespace })));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Writes what fleetca wrote, and the gateway's own certificate beside it. */
export function placeFiles(folder: string, files: readonly ConfigFile[], server: Made): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, content, mode } of files) writeFileSync(join(folder, name), content, { mode });
  placeServer(folder, server);
}

/** The gateway's own certificate and key, by the names that the configurations have. */
export function placeServer(folder: string, server: Made): void {
  const key = server.key.pkcs8Pem;
  writeFileSync(join(folder, 'server.crt'), server.pem);
  writeFileSync(join(folder, 'server.key'), key, { mode: 0o600 });
  writeFileSync(join(folder, 'server.pem'), server.pem + key, { mode: 0o600 });
}

/** One gateway: its trust and CRLs, PEM. */
export interface TrustWish {
  readonly trusted: string;
  readonly crls: string | null;
}

export interface RealGateway {
  /** By the names of the wish. */
  readonly ports: Readonly<Record<string, number>>;
  /** Where its files lie, by the names of the wish. */
  readonly folders: Readonly<Record<string, string>>;
  readonly process: ChildProcess;
  /** All that it said. */
  log(): string;
  stop(): Promise<void>;
}

/** nginx.conf, or what stands before the configurations: everything that it would write lies in `work`. */
const nginxConf = (work: string, folders: readonly string[]): string => `daemon off;
pid ${work}/nginx.pid;
error_log stderr info;
events {}
http {
  access_log off;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${work}/${name};`).join('\n')}
${folders.map((folder) => `  include ${folder}/gateway.conf;`).join('\n')}
}
`;

function commandOf(kind: GatewayKind, work: string, folders: readonly string[]): readonly string[] {
  if (kind === 'haproxy') {
    return ['haproxy', '-W', '-db', ...folders.flatMap((folder) => ['-f', join(folder, 'haproxy.cfg')])];
  }
  writeFileSync(join(work, 'nginx.conf'), nginxConf(work, folders));
  return ['nginx', '-e', 'stderr', '-p', work, '-c', join(work, 'nginx.conf')];
}

/** Starts a gateway on files that lie in folders already. */
export async function runRealGateway(
  kind: GatewayKind,
  folders: Readonly<Record<string, string>>,
  ports: Readonly<Record<string, number>>,
): Promise<RealGateway> {
  const work = scratchFolder();
  const [program = '', ...args] = commandOf(kind, work, Object.values(folders));
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Debian keeps both where only root looks.
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const ended = once(child, 'exit');
  const died = ended.then(() => {
    throw new Error(`${kind} ended:\n${log}`);
  });
  died.catch(() => undefined);
  await Promise.race([Promise.all(Object.values(ports).map(listening)), died]);
  return {
    ports,
    folders,
    process: child,
    log: () => log,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Starts one process that is a gateway for each of the wishes, at a port of its own. */
export async function startRealGateway(
  kind: GatewayKind,
  wishes: Readonly<Record<string, TrustWish>>,
  server: Made,
  upstream: string,
): Promise<RealGateway> {
  const folders: Record<string, string> = {};
  const ports: Record<string, number> = {};
  for (const [name, trust] of Object.entries(wishes)) {
    const at = scratchFolder();
    const port = await freePort();
    const listen = `127.0.0.1:${port}`;
    const more = { serverName: null, published: null, upstream };
    placeFiles(at, gatewayConfig(kind, { at, listen, trust: parseTrust(trust), ...more }), server);
    folders[name] = at;
    ports[name] = port;
  }
  return runRealGateway(kind, folders, ports);
}
