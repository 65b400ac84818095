import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { ServiceProcess } from './service-process.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what the service answers is what the tests look at
  readonly json: any;
}

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly token?: string;
  readonly type?: string;
  readonly body?: string | Uint8Array;
}

/** Opens a request to a service, in whichever transport it has. */
export function openRequest(service: ServiceProcess, path: string, options: RequestOptions) {
  const url = new URL(path, service.url);
  return service.ca === undefined
    ? httpRequest(url, options)
    : httpsRequest(url, { ...options, ca: service.ca });
}

/** One call on a connection of its own. Rejects where the answer does not come whole. */
export function call(
  service: ServiceProcess,
  { method = 'GET', path, token, type, body }: Call,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': type ?? 'application/json' }),
    };
    const req = openRequest(service, path, { method, headers, agent: false });
    req.on('error', reject);
    req.on('response', async (res) => {
      try {
        const text = Buffer.concat(await res.toArray()).toString('utf8');
        const isJson =
          /json/.test(res.headers['content-type'] ?? '') && !/ndjson/.test(res.headers['content-type'] ?? '');
        const { statusCode: status = 0, headers: given } = res;
        resolve({ status, headers: given, text, json: isJson ? JSON.parse(text) : undefined });
      } catch (failure) {
        reject(failure);
      }
    });
    req.end(body);
  });
}

async function make(service: ServiceProcess, token: string, path: string, body: object): Promise<Answer> {
  const answer = await call(service, { method: 'POST', path, token, body: JSON.stringify(body) });
  if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${answer.text}`);
  return answer;
}

export const FLEET = 'demo';

export interface Tokens {
  readonly security: string;
  readonly station: string;
}

/** Makes a fleet that issues from its root; gives tokens of those who use it. */
export async function makeFleet(service: ServiceProcess): Promise<Tokens> {
  const admin = readFileSync(join(service.data, 'keys/admin-token'), 'latin1').trim();
  await make(service, admin, '/v1/fleets', { name: FLEET, target: 'generic' });
  const token = async (role: string): Promise<string> =>
    (await make(service, admin, '/v1/tokens', { name: role, role, fleet: FLEET })).json.token;
  const tokens = { security: await token('security'), station: await token('station') };
  await make(service, tokens.security, `/v1/fleets/${FLEET}/authorities`, { name: 'root', kind: 'root' });
  return tokens;
}

/** Asks for one certificate. */
export const requestOne = (service: ServiceProcess, token: string, csr: Uint8Array): Promise<Answer> =>
  call(service, {
    method: 'POST',
    path: `/v1/fleets/${FLEET}/certificates`,
    token,
    type: 'application/pkcs10',
    body: csr,
  });
