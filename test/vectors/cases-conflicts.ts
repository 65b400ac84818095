import type { RefusalCode } from '../../src/errors.ts';
import { certificateOf } from './certificate.ts';
import { commonName, csr, name } from './csr.ts';
import { pem } from './der.ts';
import { ecKey } from './keys-ec.ts';
import { pkcs8Of } from './pkcs8.ts';
import { type Given, issued, refuses, takes, type Vector } from './vector.ts';

const AUTHORITY = 'given-authority';
const FIRST = 'conflict-first';

/** An authority to import, for the request that holds its key: certificate and private key. */
export const givenFiles = (): ReadonlyMap<string, Buffer> =>
  new Map([
    ['given/authority.pem', Buffer.from(pem('CERTIFICATE', certificateOf(AUTHORITY)))],
    ['given/authority-key.pem', Buffer.from(pem('PRIVATE KEY', pkcs8Of(ecKey(AUTHORITY))))],
  ]);

function conflict(
  stem: string,
  code: RefusalCode,
  device: string,
  keyLabel: string,
  given: Given,
  why: string,
): Vector {
  const parts = { subject: name(commonName(device)), key: ecKey(keyLabel) };
  return refuses(stem, code, parts, { why, clause: 'what "the same request" means', given });
}

const after: Given = { issued: [`${FIRST}.der`] };

/** Right requests that contradict what is on record, or what the call says beside them. */
export const conflictCases = (): readonly Vector[] => [
  takes(
    FIRST,
    {},
    {
      warnings: 0,
      why: 'the request that the next ones contradict',
      clause: 'what "the same request" means',
    },
  ),
  issued('conflict-first-again.der', csr(FIRST, { key: { ...ecKey(FIRST, 'P-256', 'sha384') } }), {
    deviceId: FIRST,
    given: after,
    why: 'the same device and key under a fresh signature: the certificate of before',
    clause: 'what "the same request" means',
  }),
  conflict(
    'conflict-key-of-another-device',
    'key-of-another-device',
    'conflict-second',
    FIRST,
    after,
    'the key belongs to another device of the fleet',
  ),
  conflict(
    'conflict-device-has-other-key',
    'device-has-other-key',
    FIRST,
    'conflict-other-key',
    after,
    'the device is known with another key',
  ),
  conflict(
    'conflict-twin-by-case',
    'device-id-twin',
    FIRST.toUpperCase(),
    'conflict-twin-by-case',
    after,
    'the device ID differs from a known one in case alone',
  ),
  conflict(
    'conflict-twin-by-width',
    'device-id-twin',
    `\uff43${FIRST.slice(1)}`,
    'conflict-twin-by-width',
    after,
    'the device ID differs from a known one in the width of a letter alone',
  ),
  conflict(
    'conflict-key-of-a-ca',
    'key-of-a-ca',
    'conflict-key-of-a-ca',
    AUTHORITY,
    { authority: { certificate: 'given/authority.pem', privateKey: 'given/authority-key.pem' } },
    'the key is that of an authority of this service',
  ),
  conflict(
    'conflict-device-id-mismatch',
    'device-id-mismatch',
    'conflict-device-id-mismatch',
    'conflict-device-id-mismatch',
    { deviceId: 'another-device' },
    'the call names another device than the CN',
  ),
];
