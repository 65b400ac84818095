import { z } from 'zod';
import { PkiError } from '../../errors.ts';
import type { Random } from '../../random.ts';
import type { Api } from './api-client.ts';
import { type GatewayRoot, makeGatewayRootPem, verifyIsDemoRoot } from './gateway-root.ts';
import { say } from './terminal.ts';

export const FLEET = 'demo';
export const AUTHORITY = 'line-1';
export const TARGET = 'ota-connect';
const ROOT = 'root';
/** The gateway's port by the service's own defaults; the bundles name it from now on. */
const GATEWAY_URL = 'https://localhost:9443';

const fleetSchema = z.object({
  name: z.string(),
  gatewayUrl: z.string().nullable(),
  gatewayRoot: z.string().nullable(),
});
const authoritiesSchema = z.object({ items: z.array(z.object({ name: z.string(), kind: z.string() })) });
const tokenSchema = z.object({ id: z.string(), token: z.string() });

export interface DemoFleet {
  readonly gatewayUrl: string;
  /** PEM. */
  readonly gatewayRoot: string;
}

/** A token for this run alone. */
export interface RunToken {
  readonly id: string;
  readonly token: string;
}

const path = `/v1/fleets/${FLEET}`;

async function findFleet(api: Api, token: string): Promise<z.infer<typeof fleetSchema> | undefined> {
  try {
    return fleetSchema.parse(JSON.parse(await api.call({ method: 'GET', path, token })));
  } catch (refusal) {
    if (refusal instanceof PkiError && refusal.code === 'not-found') return undefined;
    throw refusal;
  }
}

/** Creates the fleet where it is not there; refuses one that the demonstration did not make. */
export async function provideFleet(
  api: Api,
  token: string,
  root: GatewayRoot,
  random: Random,
): Promise<DemoFleet> {
  const found = await findFleet(api, token);
  if (found) {
    const gatewayRoot = verifyIsDemoRoot(root, FLEET, found.gatewayRoot);
    return { gatewayUrl: found.gatewayUrl ?? GATEWAY_URL, gatewayRoot };
  }
  const gatewayRoot = await makeGatewayRootPem(root, random, new Date());
  const wish = { name: FLEET, target: TARGET, gatewayUrl: GATEWAY_URL, gatewayRoot };
  await api.call({ method: 'POST', path: '/v1/fleets', token, json: wish });
  say(`Created the fleet ${FLEET}, whose gateway is ${GATEWAY_URL}.`);
  return { gatewayUrl: GATEWAY_URL, gatewayRoot };
}

/** Creates the fleet's root and its issuing authority, each where it is not there. */
export async function provideAuthorities(api: Api, token: string): Promise<void> {
  const list = await api.call({ method: 'GET', path: `${path}/authorities`, token });
  const { items } = authoritiesSchema.parse(JSON.parse(list));
  const create = async (name: string, kind: string): Promise<void> => {
    await api.call({ method: 'POST', path: `${path}/authorities`, token, json: { name, kind } });
    say(`Created the ${kind} authority ${name} of the fleet ${FLEET}.`);
  };
  if (!items.some(({ kind }) => kind === 'root')) await create(ROOT, 'root');
  if (!items.some(({ name }) => name === AUTHORITY)) await create(AUTHORITY, 'issuing');
}

/** Makes a token of a role in the demo fleet, valid for a day. */
export async function makeToken(
  api: Api,
  adminToken: string,
  role: 'security' | 'station',
): Promise<RunToken> {
  const json = { name: `quickstart ${role}`, role, fleet: FLEET, validityDays: 1 };
  return tokenSchema.parse(
    JSON.parse(await api.call({ method: 'POST', path: '/v1/tokens', token: adminToken, json })),
  );
}

export async function revokeToken(api: Api, adminToken: string, { id }: RunToken): Promise<void> {
  await api.call({ method: 'DELETE', path: `/v1/tokens/${id}`, token: adminToken });
}
