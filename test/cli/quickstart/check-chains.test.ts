import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkChains } from '../../../src/cli/quickstart/check-chains.ts';
import { encodeCertificatePem } from '../../../src/x509/index.ts';
import { makeKey } from '../../support/csr.ts';
import { hierarchy } from '../../support/hierarchy.ts';

const { signal } = new AbortController();
const key = makeKey();
let folder: string;
let root: string;
let chain: { readonly leaf: string; readonly issuing: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleetca-chains-'));
  const { authority, device } = hierarchy(new Date());
  const top = await authority('ota-connect', 'fleet-root', 'demo');
  const issuing = await authority('ota-connect', 'issuing', 'demo line', 'ec-p256', top);
  root = encodeCertificatePem(top.certificate.der);
  chain = {
    leaf: encodeCertificatePem(await device(issuing, 'dev-1', key, 'ota-connect')),
    issuing: encodeCertificatePem(issuing.certificate.der),
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function check(deviceId: string, client: string, pkey: string, fleetRoot = root) {
  const own = join(folder, 'devices', deviceId);
  await mkdir(own, { recursive: true });
  const files = { 'client.pem': client, 'pkey.pem': pkey, 'root.crt': '', 'gateway.url': '' };
  for (const [name, text] of Object.entries(files)) await writeFile(join(own, name), text);
  return checkChains(folder, [deviceId], fleetRoot, signal);
}

describe('the check of a written bundle', () => {
  it('takes one that is right', async () => {
    expect(await check('dev-1', chain.leaf + chain.issuing, key.pkcs8Pem)).toEqual([]);
  });

  it('finds missing intermediates', async () => {
    expect(await check('dev-1', chain.leaf, key.pkcs8Pem)).not.toEqual([]);
  });

  it('finds a root that is not the issuer', async () => {
    const other = await hierarchy(new Date()).authority('ota-connect', 'fleet-root', 'demo');
    const otherRoot = encodeCertificatePem(other.certificate.der);
    expect(await check('dev-1', chain.leaf + chain.issuing, key.pkcs8Pem, otherRoot)).not.toEqual([]);
  });

  it('finds the key of another device', async () => {
    expect(await check('dev-1', chain.leaf + chain.issuing, makeKey().pkcs8Pem)).toEqual([
      'dev-1: pkey.pem is not the key of client.pem',
    ]);
  });

  it('finds the certificate of another device', async () => {
    expect(await check('dev-2', chain.leaf + chain.issuing, key.pkcs8Pem)).toEqual([
      'dev-2: the CN of client.pem is not the device ID',
    ]);
  });
});
