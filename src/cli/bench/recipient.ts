import { sign } from 'node:crypto';
import { OID } from '../../asn1/index.ts';
import { mintSerial } from '../../ca/index.ts';
import { systemRandom } from '../../random.ts';
import { assembleCertificate, encodeKeyUsage, encodeName, encodeTbs } from '../../x509/index.ts';
import { makeP256Pair } from './p256-pair.ts';

const DAY_MS = 86_400_000;
const ALGORITHM = 'ecdsa-with-SHA256';

/** The certificate (DER) of somebody for whom keys are made: P-256, self-signed, two days. Its key is forgotten. */
export function makeRecipient(): Uint8Array {
  const { spki, privateKey } = makeP256Pair();
  const name = encodeName([{ type: OID.commonName, value: 'bench' }]);
  const now = Date.now();
  const tbs = encodeTbs({
    serial: mintSerial(systemRandom),
    algorithm: ALGORITHM,
    issuer: name,
    subject: name,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + DAY_MS),
    publicKey: spki,
    extensions: [{ oid: OID.keyUsage, critical: true, value: encodeKeyUsage(['keyAgreement']) }],
  });
  return assembleCertificate(tbs, ALGORITHM, sign('sha256', tbs, privateKey));
}
