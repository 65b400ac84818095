/**
 * The device registry of ota-community-edition as far as its clients see it: `PUT /api/v1/devices` and
 * `DELETE /api/v1/devices/{uuid}`, with what it refuses, and with what goes wrong on the way to it.
 */
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface RegisteredDevice {
  readonly uuid: string;
  readonly deviceId: string;
  readonly deviceName: string;
  readonly deviceType: string;
  readonly credentials: string;
}

/** What is done to a call instead of answering it: a status, or what a network does. */
export type Fault = number | 'cut' | 'slow' | 'redirect' | 'other-uuid' | 'no-uuid' | 'endless';

export interface SeenCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const OTHER_UUID = '00000000-0000-4000-8000-000000000000';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What its JSON must have. */
function isDevice(body: Record<string, unknown>): boolean {
  const { uuid, deviceId, deviceName, deviceType, credentials, credentialsType } = body;
  return (
    typeof uuid === 'string' &&
    UUID.test(uuid) &&
    typeof deviceId === 'string' &&
    deviceId !== '' &&
    typeof deviceName === 'string' &&
    deviceName.length <= 200 &&
    (deviceType === 'Other' || deviceType === 'Vehicle') &&
    typeof credentials === 'string' &&
    credentials.startsWith('-----BEGIN CERTIFICATE-----') &&
    credentialsType === 'PEM'
  );
}

async function readText(req: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of req.setEncoding('utf8')) text += piece;
  return text;
}

export interface RegistryWish {
  /** PEM; over plain HTTP without it. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer };
  /** The one that it asks for; absent: none. */
  readonly token?: string;
}

export async function startDeviceRegistry({ tls, token }: RegistryWish = {}) {
  const namespaces = new Map<string, Map<string, RegisteredDevice>>();
  const calls: SeenCall[] = [];
  let fault: (call: SeenCall) => Fault | undefined = () => undefined;

  const json = (res: ServerResponse, status: number, value?: unknown): void => {
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(value === undefined ? '' : JSON.stringify(value));
  };

  /** What a call is answered with. */
  type Said = readonly [status: number, value?: unknown];

  function put(devices: Map<string, RegisteredDevice>, text: string): Said {
    const body = JSON.parse(text);
    if (!isDevice(body)) return [400, { code: 'invalid_entity' }];
    const known = devices.get(body.deviceId);
    const holder = [...devices.values()].find(({ uuid }) => uuid === body.uuid);
    if (!known && holder) return [409, { code: 'conflicting_device' }];
    // A uuid that has changed is passed over; the credentials are replaced.
    const { deviceId, deviceName, deviceType, credentials } = body;
    const uuid = known?.uuid ?? body.uuid;
    devices.set(deviceId, { uuid, deviceId, deviceName, deviceType, credentials });
    return [200, uuid];
  }

  function drop(devices: Map<string, RegisteredDevice>, uuid: string): Said {
    const known = [...devices.values()].find((one) => one.uuid === uuid);
    if (!known) return [404, { code: 'missing_device' }];
    devices.delete(known.deviceId);
    return [202];
  }

  function answer(call: SeenCall): Said {
    const namespace = call.headers['x-ats-namespace'];
    if (token !== undefined && call.headers.authorization !== `Bearer ${token}`)
      return [401, { code: 'unauthorized' }];
    if (typeof namespace !== 'string') return [400, { code: 'missing_namespace' }];
    const devices = namespaces.get(namespace) ?? new Map<string, RegisteredDevice>();
    namespaces.set(namespace, devices);
    const [, uuid] = /^\/api\/v1\/devices\/([^/]+)$/.exec(call.path) ?? [];
    if (call.method === 'PUT' && call.path === '/api/v1/devices') return put(devices, call.body);
    if (call.method === 'DELETE' && uuid !== undefined) return drop(devices, uuid);
    return [404, { code: 'not_found' }];
  }

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { method = '', url: path = '', headers } = req;
    const call = { method, path, headers, body: await readText(req) };
    calls.push(call);
    const todo = fault(call);
    if (todo === 'cut') {
      res.writeHead(200, { 'content-length': 100 }).write('"');
      req.socket.destroySoon();
    } else if (todo === 'redirect') res.writeHead(302, { location: 'https://example.com/' }).end();
    else if (todo === 'other-uuid') json(res, 200, OTHER_UUID);
    else if (todo === 'no-uuid') res.writeHead(200).end('<html>');
    else if (todo === 'endless') res.writeHead(200).end(Buffer.alloc(1 << 20));
    else if (typeof todo === 'number') json(res, todo, { code: 'some_code', description: 'free text' });
    else if (todo !== 'slow') json(res, ...answer(call));
  };

  const listener = (req: IncomingMessage, res: ServerResponse): void =>
    void handle(req, res).catch(() => undefined);
  const server = tls ? createSecure(tls, listener) : createPlain(listener);
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    calls,
    devices: (namespace = 'default'): readonly RegisteredDevice[] => [
      ...(namespaces.get(namespace)?.values() ?? []),
    ],
    /** What goes wrong from now on; nothing where it gives undefined. */
    breakWith: (how: (call: SeenCall) => Fault | undefined): void => {
      fault = how;
    },
    stop: (): Promise<void> => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export type DeviceRegistry = Awaited<ReturnType<typeof startDeviceRegistry>>;
