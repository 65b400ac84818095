import { bits, group, integer, octets, oid, seq } from './der.ts';
import type { EcKey } from './keys-ec.ts';
import { ID } from './oids.ts';

/** PrivateKeyInfo of an EC key (RFC 5208; RFC 5915). Such keys are public: for tests alone. */
export const pkcs8Of = (key: EcKey): Buffer =>
  seq(
    integer(0n),
    seq(oid(ID.ecPublicKey), oid(key.curve)),
    octets(seq(integer(1n), octets(key.scalar), group(1, bits(key.point)))),
  );
