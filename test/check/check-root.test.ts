import { describe, expect, it } from 'vitest';
import { checkRoot, isRootFile } from '../../src/check/index.ts';
import type { TargetName } from '../../src/policy/index.ts';
import {
  ca,
  constraints,
  days,
  ecPair,
  type Issued,
  NOW,
  pem,
  pkcs8,
  purposes,
  rsaPair,
  usage,
} from './certify.ts';
import { device, line } from './world.ts';

const file = (content: string | Uint8Array) => ({
  path: 'root.pem',
  mode: 0o644,
  content: Buffer.from(content as string),
});

function said(content: string | Uint8Array, target: TargetName): readonly string[] {
  const { findings, verdict } = checkRoot(file(content), target, NOW);
  expect(verdict).toBe(findings.some(({ severity }) => severity === 'fail') ? 'fail' : 'pass');
  return findings.map(({ severity, code }) => `${severity} ${code}`).toSorted();
}

const good = ca('fleet', {
  extensions: [constraints(true), usage(['keyCertSign', 'cRLSign']), purposes(['serverAuth', 'clientAuth'])],
});
const manual = (purpose: 'serverAuth' | 'clientAuth'): Issued =>
  ca('manual', {
    extensions: [constraints(true, null, false), usage(['keyCertSign'], false), purposes([purpose])],
  });
const bare = ca('bare', { extensions: [constraints(true)] });
const weak = ca('weak', {
  keys: rsaPair(1024),
  extensions: [constraints(true), usage(['keyCertSign', 'cRLSign']), purposes(['serverAuth', 'clientAuth'])],
});
const STRICT = 'note ca-not-strict';
const NO_CRL = 'note root-no-crl-sign';

describe('section 8, root rejected: a check of a root before it is sent in', () => {
  it.each([
    ['the default, for OTA Connect', pem(good), 'ota-connect', [STRICT]],
    [
      "the manual's, for OTA Connect",
      pem(manual('serverAuth')),
      'ota-connect',
      [STRICT, NO_CRL, 'warn root-purpose-client'],
    ],
    [
      "the manual's, for ota-ce",
      pem(manual('serverAuth')),
      'ota-ce',
      ['fail root-purpose-client', STRICT, NO_CRL],
    ],
    ["ota-ce's, for ota-ce", pem(manual('clientAuth')), 'ota-ce', [STRICT, NO_CRL]],
    [
      "ota-ce's, for OTA Connect",
      pem(manual('clientAuth')),
      'ota-connect',
      ['fail root-purpose-server', STRICT, NO_CRL],
    ],
    [
      'one without purposes, for OTA Connect',
      pem(bare),
      'ota-connect',
      ['fail root-key-usage', 'fail root-purpose-server', STRICT],
    ],
    ['one without purposes, for any gateway', pem(bare), 'generic', [STRICT, 'note root-key-usage']],
    ['one with its key', pem(good) + pkcs8(good.keys), 'ota-connect', ['fail root-holds-key', STRICT]],
    ['one with another', pem(good, bare), 'ota-connect', ['fail root-several', STRICT]],
    ['one in DER, for OTA Connect', good.der, 'ota-connect', ['fail root-der', STRICT]],
    ['one in DER, for any gateway', good.der, 'generic', [STRICT]],
    ['RSA-1024', pem(weak), 'generic', ['fail root-key-weak', STRICT]],
    ['one that expired', pem(ca('old', { notAfter: days(-1) })), 'generic', ['fail ca-expired']],
    ['one of tomorrow', pem(ca('new', { notBefore: days(1) })), 'generic', ['fail ca-not-yet-valid']],
    ['one of a hundred days', pem(ca('ending', { notAfter: days(100) })), 'generic', ['warn root-ends-soon']],
    [
      'one that was signed by another key',
      pem({ ...ca('x'), der: forged() }),
      'generic',
      ['fail root-not-self-signed'],
    ],
  ] as const)('says exactly what there is to say: %s', (_, content, target, due) => {
    expect(said(content, target)).toEqual([...due].toSorted());
  });

  it('takes a file for a root by what it holds', () => {
    expect(isRootFile(file(pem(good)))).toBe(true);
    expect(isRootFile(file(pem(line)))).toBe(false);
    expect(isRootFile(file(pem(device, line)))).toBe(false);
    expect(isRootFile(file('https://gateway.example'))).toBe(false);
  });

  it('tells the fingerprint that goes with the hand-over', () => {
    expect(checkRoot(file(pem(good)), 'ota-connect', NOW).outcome['SHA-256']).toMatch(/^[0-9a-f]{64}$/);
  });
});

/** A certificate that names itself as its issuer and has another's signature. */
function forged(): Uint8Array {
  const namesake = ca('x', { keys: ecPair() });
  return ca('x', { issuer: namesake }).der;
}
