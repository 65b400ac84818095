import { createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { makeP256Pair } from './p256-pair.ts';

/** As long as the signed part of a P-256 request, and as a leaf's TBS. */
const INFO_OCTETS = 130;
const TBS_OCTETS = 400;
/** Where the point's coordinates stand in a P-256 SubjectPublicKeyInfo (RFC 5480). */
const X = { from: 27, to: 59 } as const;
const Y = { from: 59, to: 91 } as const;
/** How often the clock is read: looking costs more than nothing. */
const ROWS_A_LOOK = 8;
/** Keys that decide which import is the quicker. */
const TRIAL_KEYS = 150;

interface SignedRequest {
  readonly spki: Buffer;
  readonly info: Buffer;
  readonly signature: Buffer;
}

export interface CeilingMaterial {
  readonly requests: readonly SignedRequest[];
  readonly issuer: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  readonly tbs: Buffer;
}

const importSpki = (spki: Buffer): KeyObject => createPublicKey({ key: spki, format: 'der', type: 'spki' });

const importJwk = (spki: Buffer): KeyObject =>
  createPublicKey({
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: spki.toString('base64url', X.from, X.to),
      y: spki.toString('base64url', Y.from, Y.to),
    },
    format: 'jwk',
  });

/** Requests of as many distinct keys, and an issuer of its own: threads that share a key wait for its locks. */
export function makeMaterial(keys: number): CeilingMaterial {
  const issuer = makeP256Pair();
  const requests = Array.from({ length: keys }, () => {
    const { spki, privateKey } = makeP256Pair();
    const info = randomBytes(INFO_OCTETS);
    return { spki, info, signature: sign('sha256', info, privateKey) };
  });
  return {
    requests,
    issuer: { privateKey: issuer.privateKey, publicKey: importSpki(issuer.spki) },
    tbs: randomBytes(TBS_OCTETS),
  };
}

/** One row's work; throws where a signature does not verify. */
export type Cycle = (row: number) => void;

function mustHold(isValid: boolean): void {
  if (!isValid) throw new Error('a signature of the bench does not verify');
}

function requestAt({ requests }: CeilingMaterial, row: number): SignedRequest {
  const request = requests[row % requests.length];
  if (!request) throw new Error('the ceiling needs at least one key');
  return request;
}

type Import = (spki: Buffer) => KeyObject;

const proof =
  (material: CeilingMaterial, importKey: Import): Cycle =>
  (row) => {
    const { spki, info, signature } = requestAt(material, row);
    mustHold(verify('sha256', info, importKey(spki), signature));
  };

/** One verification and one signature, with keys at hand. */
export const verifyAndSign =
  ({ issuer, tbs }: CeilingMaterial): Cycle =>
  () => {
    const signature = sign('sha256', tbs, issuer.privateKey);
    mustHold(verify('sha256', tbs, issuer.publicKey, signature));
  };

function secondsFor(cycle: Cycle, rows: number): number {
  const began = performance.now();
  for (let row = 0; row < rows; row++) cycle(row);
  return (performance.now() - began) / 1000;
}

/** The way in which this Node imports a key and verifies with it the sooner (the JWK on Node 20). */
export function quickerImport(material: CeilingMaterial): Import {
  const rows = Math.min(TRIAL_KEYS, material.requests.length);
  const seconds = (importKey: Import): number => {
    const cycle = proof(material, importKey);
    return Math.min(...[1, 2, 3].map(() => secondsFor(cycle, rows)));
  };
  return seconds(importJwk) <= seconds(importSpki) ? importJwk : importSpki;
}

/** What issuing demands at least: one key import, two verifications, one signature. */
export function wholeCycle(material: CeilingMaterial, importKey: Import): Cycle {
  const prove = proof(material, importKey);
  const certify = verifyAndSign(material);
  return (row) => {
    prove(row);
    certify(row);
  };
}

/** Rows a second, over at least as long. */
export function paceOf(cycle: Cycle, milliseconds: number): number {
  const began = performance.now();
  let rows = 0;
  do {
    for (let i = 0; i < ROWS_A_LOOK; i++) cycle(rows++);
  } while (performance.now() - began < milliseconds);
  return rows / ((performance.now() - began) / 1000);
}
