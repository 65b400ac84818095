import { createHash } from 'node:crypto';
import { commonName, criticalExtension, extension, name, sealed } from './csr.ts';
import { bits, group, hex, integer, octets, seq, tlv } from './der.ts';
import { type EcKey, ecKey } from './keys-ec.ts';
import { numberFrom } from './numbers.ts';
import { ID } from './oids.ts';

const utcTime = (text: string): Buffer => tlv(0x17, Buffer.from(text));

/** A self-signed CA certificate (RFC 5280, 4.1) for the P-256 key that a label stands for. */
export function certificateOf(label: string): Buffer {
  const key: EcKey = ecKey(label);
  const subject = name(commonName(label));
  const identifier = createHash('sha256').update(key.point).digest().subarray(0, 20);
  const extensions = seq(
    criticalExtension(ID.basicConstraints, seq(hex('0101ff'))),
    criticalExtension(ID.keyUsage, bits(hex('06'), 1)),
    extension(ID.subjectKeyIdentifier, octets(identifier)),
  );
  const tbs = seq(
    group(0, integer(2n)),
    integer(numberFrom(`serial/${label}`, 126)),
    key.algorithm,
    subject,
    seq(utcTime('250101000000Z'), utcTime('491231235959Z')),
    subject,
    key.spki,
    group(3, extensions),
  );
  return sealed(tbs, key);
}
