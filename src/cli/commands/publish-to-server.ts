import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { makeFolder } from '../../folder.ts';
import { type Client, segment, withClient } from '../client/client.ts';
import { callJson, postJson, readPublished } from '../client/json.ts';
import { readIfThere } from '../files.ts';
import {
  forAwsIot,
  forAzureDps,
  forOtaConnect,
  type HandOver,
  type HandOverFile,
  type PublishedRoot,
} from '../hand-over.ts';
import type { Invocation } from '../invocation.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { formatFields } from '../table.ts';
import { type Server, sayRootState, serverPath } from './server.ts';

export interface ServerOptions {
  readonly server: string;
  readonly out: string;
  readonly code?: string;
  readonly reload?: string;
}

interface Destination extends ServerOptions {
  readonly fleet: string;
}

interface Done {
  readonly root: PublishedRoot;
  readonly files: readonly string[];
  /** What is to be done next. */
  readonly next: string;
}

interface ListedAuthority extends PublishedRoot {
  readonly kind: string;
  readonly state: string;
}

async function getRoot(client: Client, fleet: string): Promise<PublishedRoot> {
  const path = `/v1/fleets/${segment(fleet)}/authorities`;
  const { items } = await callJson<{ items: readonly ListedAuthority[] }>(client, { method: 'GET', path });
  const root = items.find(({ kind, state }) => kind === 'root' && state === 'active');
  if (root) return root;
  throw new LocalFailure('usage', `The fleet ${fleet} has no active root yet.`, {
    hint: `fleetca authority create root --fleet ${fleet} --kind root`,
  });
}

async function write(out: string, files: readonly HandOverFile[]): Promise<readonly string[]> {
  try {
    await makeFolder(out);
    for (const { name, content } of files) {
      const mode = name.endsWith('.sh') ? 0o755 : 0o644;
      await writeFileAtomic(join(out, name), content, { mode });
    }
  } catch (failure) {
    throw fileFailure(out, failure);
  }
  return files.map(({ name }) => join(out, name));
}

type Publish = (client: Client, where: Destination) => Promise<Done>;

/** A folder with what the server wants to see; the root is `prepared` there from then on. */
const prepare =
  (filesFor: (what: HandOver) => readonly HandOverFile[], next: (where: Destination) => string): Publish =>
  async (client, where) => {
    const { fleet, server, code, out } = where;
    const root = await getRoot(client, fleet);
    const call = postJson(`${serverPath(fleet, server)}/possession`, code === undefined ? {} : { code });
    const { pem } = await callJson<{ pem: string }>(client, call);
    const files = await write(out, filesFor({ fleet, root, possession: pem, code: code ?? null }));
    return { root, files, next: next(where) };
  };

/** What the operator said, by a shell: it is the operator's line. */
async function reloadGateway(command: string): Promise<void> {
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [status, signal] = await once(child, 'close');
  if (status === 0) return;
  const how = signal === null ? `status ${status}` : `signal ${signal}`;
  throw new LocalFailure('not-placed', `The bundle is written, but \`${command}\` ended with ${how}.`, {
    hint: 'the gateway trusts what it did before; put the command right, and run this again',
  });
}

const BUNDLE = 'trust-bundle.pem';
/** Written last: while it differs from the bundle, the gateway has not been told. */
const LOADED = '.trust-bundle.loaded.pem';

/** The gateway's file, swapped whole, and the gateway told of it where it changed. Fit for a timer. */
const writeBundle: Publish = async (client, { fleet, server, out, reload }) => {
  const root = await getRoot(client, fleet);
  const path = `/pki/${segment(fleet)}/${BUNDLE}`;
  const bundle = (await readPublished(client, path)).toString('utf8');
  const file = join(out, BUNDLE);
  const isNew = (await readIfThere(join(out, LOADED))) !== bundle;
  if (isNew) {
    await write(out, [{ name: BUNDLE, content: bundle }]);
    if (reload !== undefined) await reloadGateway(reload);
    await write(out, [{ name: LOADED, content: bundle }]);
    const said = { state: 'handed-over', note: `written to ${BUNDLE}` };
    await sayRootState(client, { fleet, server, generation: root.generation }, said);
  }
  const next = isNew
    ? `once a device is let in: fleetca server mark ${server} --fleet ${fleet} --state confirmed`
    : 'nothing: the gateway has this bundle';
  return { root, files: [file], next };
};

const marking = ({ fleet, server }: Destination, state: string): string =>
  `fleetca server mark ${server} --fleet ${fleet} --state ${state}`;

const PUBLISH: Readonly<Record<Server['kind'], Publish>> = {
  'ota-connect': prepare(
    forOtaConnect,
    (where) => `send the folder in, then: ${marking(where, 'handed-over')}`,
  ),
  'aws-iot': prepare(forAwsIot, (where) => `run next.sh there, then: ${marking(where, 'confirmed')}`),
  'azure-dps': prepare(forAzureDps, (where) => `run next.sh there, then: ${marking(where, 'confirmed')}`),
  'ota-ce': writeBundle,
};

/** `publish --server`: what one server needs to take the fleet's root. */
export async function publishToServer(
  invocation: Invocation,
  fleet: string,
  options: ServerOptions,
): Promise<undefined> {
  const { output } = invocation;
  const done = await withClient(invocation, async (client) => {
    const path = serverPath(fleet, options.server);
    const { kind } = await callJson<Server>(client, { method: 'GET', path });
    if (options.reload !== undefined && kind !== 'ota-ce') {
      throw new LocalFailure('usage', `--reload is for a gateway whose files are written: ${kind} has none.`);
    }
    return PUBLISH[kind](client, { ...options, fleet });
  });
  const { root, files, next } = done;
  const { generation, fingerprint, warnings } = root;
  await show(output, { fleet, server: options.server, generation, fingerprint, files, warnings, next }, () =>
    formatFields([['SHA-256', fingerprint], ...files.map((file) => ['file', file] as const)]),
  );
  sayWarnings(output, warnings);
  if (!output.json) output.say(`Next: ${next}`);
}
