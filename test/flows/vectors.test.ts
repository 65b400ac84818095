import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROBLEMS } from '../../src/http/problems.ts';
import { makeFleet, makeToken, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { type Service, startService, stopSound } from '../support/service.ts';

interface Vector {
  readonly file: string;
  readonly expect: 'issued' | 'refused';
  readonly code?: keyof typeof PROBLEMS;
  readonly alsoCodes?: readonly (keyof typeof PROBLEMS)[];
  readonly deviceId?: string;
  readonly warnings?: number;
  readonly why: string;
  readonly given?: {
    readonly issued?: readonly string[];
    readonly deviceId?: string;
    readonly authority?: { readonly certificate: string; readonly privateKey: string };
  };
}

const read = (path: string): Buffer => readFileSync(new URL(`../vectors/${path}`, import.meta.url));
const vectors: readonly Vector[] = JSON.parse(read('manifest.json').toString());

/** A fault of ours would show as a stall; a busy machine must not look like one. */
const PATIENCE_MS = 20_000;

let service: Service;
let fleet: TestFleet;

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
});

afterAll(() => stopSound(service));

const send = (vector: Pick<Vector, 'file' | 'given'>) => {
  const deviceId = vector.given?.deviceId;
  const query = deviceId === undefined ? '' : `?deviceId=${encodeURIComponent(deviceId)}`;
  return requestCertificate(service, fleet, { body: read(`csr/${vector.file}`), query });
};

async function prepare({ given = {} }: Vector): Promise<void> {
  for (const file of given.issued ?? []) expect((await send({ file })).status).toBeLessThan(300);
  if (!given.authority) return;
  const { certificate, privateKey } = given.authority;
  const token = await makeToken(service, { name: 'security', role: 'security' });
  await service.call('POST', '/v1/fleets', {
    token: service.admin,
    json: { name: 'owner', target: 'generic' },
  });
  const imported = { certificate: read(certificate).toString(), privateKey: read(privateKey).toString() };
  const json = { name: 'root', import: imported };
  const made = await service.call('POST', '/v1/fleets/owner/authorities', { token, json });
  expect(made.status).toBe(201);
}

it.each(vectors)('$file is $expect $code, and does not stall', async (vector) => {
  await prepare(vector);
  const before = performance.now();
  const made = await send(vector);
  expect(performance.now() - before).toBeLessThan(PATIENCE_MS);
  if (vector.expect === 'issued') {
    expect(made.status).toBeLessThan(300);
    expect(made.json().deviceId).toBe(vector.deviceId);
    if (vector.warnings !== undefined) expect(made.json().warnings).toHaveLength(vector.warnings);
    return;
  }
  const codes = [vector.code, ...(vector.alsoCodes ?? [])];
  expect(codes).toContain(made.code());
  expect(made.status).toBe(PROBLEMS[made.code() as keyof typeof PROBLEMS].status);
  expect(made.status).toBeLessThan(500);
});

it('after all of them the service is ready', async () => {
  expect((await service.call('GET', '/readyz')).status).toBe(200);
});
