/** A fleet that is ready to issue, made over the API, with a token of each role that is bound to it. */
import { readFileSync } from 'node:fs';
import type { CallWish } from './client.ts';
import { makeCsr, makeKey, type TestKey } from './csr.ts';
import type { Role } from './openapi.ts';
import type { Service } from './service.ts';

export interface TestFleet {
  readonly name: string;
  readonly tokens: Readonly<Record<Role, string>>;
}

export interface FleetWish {
  readonly target?: string;
  /** The default has the gateway that bundles need. */
  readonly gatewayUrl?: string | null;
  /** PEM; any certificate by default. */
  readonly gatewayRoot?: string;
  /** False: the root issues. */
  readonly issuing?: boolean;
  /** What the root is made with, beside its name. */
  readonly root?: Record<string, unknown>;
}

/** Makes a token, which must work out. */
export async function makeToken(service: Service, wish: Record<string, unknown>): Promise<string> {
  const made = await service.call('POST', '/v1/tokens', { token: service.admin, json: wish });
  if (made.status !== 201) throw new Error(made.text());
  return made.json().token;
}

export async function makeAuthority(
  service: Service,
  fleet: string,
  token: string,
  json: Record<string, unknown>,
): Promise<string> {
  const made = await service.call('POST', `/v1/fleets/${fleet}/authorities`, { token, json });
  if (made.status !== 201) throw new Error(made.text());
  return made.json().certificate;
}

const ROLES: readonly Role[] = ['admin', 'security', 'station', 'auditor'];

/** Any certificate will do for the gateway's root here. */
export const anyRoot = ({ caFile }: Service): string => readFileSync(String(caFile), 'latin1');

export async function makeFleet(service: Service, name: string, wish: FleetWish = {}): Promise<TestFleet> {
  const { target = 'generic', gatewayUrl = 'https://gateway.example.com:8000', issuing = true } = wish;
  const { gatewayRoot = anyRoot(service) } = wish;
  const json = { name, target, gatewayUrl, gatewayRoot: gatewayUrl === null ? null : gatewayRoot };
  const made = await service.call('POST', '/v1/fleets', { token: service.admin, json });
  if (made.status !== 201) throw new Error(made.text());
  const minted: [Role, string][] = [];
  for (const role of ROLES) minted.push([role, await makeToken(service, { name: role, role, fleet: name })]);
  const tokens = Object.fromEntries(minted) as Record<Role, string>;
  await makeAuthority(service, name, tokens.security, { name: 'root', kind: 'root', ...wish.root });
  if (issuing) await makeAuthority(service, name, tokens.security, { name: 'line-7', kind: 'issuing' });
  return { name, tokens };
}

/** Asks for a certificate as the fleet's station: raw DER unless the wish has a body of its own. */
export const requestCertificate = (service: Service, fleet: TestFleet, wish: CallWish & { query?: string }) =>
  service.call('POST', `/v1/fleets/${fleet.name}/certificates${wish.query ?? ''}`, {
    token: fleet.tokens.station,
    ...(wish.json === undefined ? { type: 'application/pkcs10' } : {}),
    ...wish,
  });

/** A device with its request, DER. */
export function makeDevice(deviceId: string, key: TestKey = makeKey()) {
  return { deviceId, key, csr: makeCsr({ deviceId, key }) };
}

/** A row of a lot. */
export const rowOf = (csr: Uint8Array, more: Record<string, unknown> = {}): string =>
  `${JSON.stringify({ csr: Buffer.from(csr).toString('base64'), ...more })}\n`;
