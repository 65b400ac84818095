import type { Keystore } from '../../src/ca/index.ts';
import {
  type AuthorityProfile,
  createPolicy,
  type Issuer,
  planAuthorityCertificate,
  planDeviceCertificate,
  prepareTbs,
} from '../../src/policy/index.ts';
import {
  assembleCertificate,
  type KeyAlgorithm,
  parseCertificate,
  parsePublicKey,
} from '../../src/x509/index.ts';
import { makeCsr, type TestKey } from './csr.ts';
import { decide, deviceProfile } from './decide.ts';
import { seededRandom } from './fixed.ts';
import { memoryKeystore } from './memory-keystore.ts';

const policy = createPolicy();
const random = seededRandom('hierarchy');
let count = 0;

const serial = (): Uint8Array => {
  const octets = Uint8Array.from(random.bytes(16));
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40;
  return octets;
};

export interface TestAuthority extends Issuer {
  readonly keyId: string;
}

/** Certificates by plan and signature alone, without a ledger: what the policy and the encoder make. */
export function hierarchy(now: Date, keystore: Keystore = memoryKeystore()) {
  async function authority(
    target: string,
    profileName: string,
    commonName: string,
    algorithm: KeyAlgorithm = 'ec-p256',
    parent?: TestAuthority,
  ): Promise<TestAuthority> {
    const profile = policy.authorityProfile(target, profileName) as AuthorityProfile;
    const keyId = `k${count++}`;
    const own = await keystore.generate(keyId, algorithm);
    const signer = parent ? await keystore.open(parent.keyId) : own;
    const issuer = parent ?? null;
    const publicKey = parsePublicKey(own.publicKey);
    const plan = planAuthorityCertificate({
      profile,
      commonName,
      publicKey,
      issuer,
      algorithm: signer.algorithm,
      serial: serial(),
      now,
    });
    const tbs = prepareTbs(plan).takeFor(parent?.generationId ?? null);
    const der = assembleCertificate(tbs, signer.algorithm, await signer.sign(tbs));
    return { keyId, generationId: count, certificate: parseCertificate(der), algorithm: own.algorithm };
  }

  async function device(
    issuer: TestAuthority,
    deviceId: string,
    key: TestKey,
    target = 'generic',
  ): Promise<Uint8Array> {
    const grant = decide(makeCsr({ deviceId, key }), {}, target as 'generic');
    if ('code' in grant) throw grant;
    const { content } = grant;
    const plan = planDeviceCertificate({
      profile: deviceProfile(target as 'generic'),
      deviceId,
      publicKey: content.request.csr.publicKey,
      granted: content.granted,
      issuer,
      serial: serial(),
      now,
      notAfter: null,
    });
    const signer = await keystore.open(issuer.keyId);
    const tbs = prepareTbs(plan).takeFor(issuer.generationId);
    return assembleCertificate(tbs, signer.algorithm, await signer.sign(tbs));
  }

  return { authority, device, keystore };
}
