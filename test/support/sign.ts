import { sign } from 'node:crypto';
import { digestOf } from '../../src/x509/index.ts';
import type { TestKey } from './csr.ts';

/** A signature over octets with what fits the key. */
export const signWith = ({ algorithm, privateKey }: TestKey, octets: Uint8Array): Uint8Array =>
  sign(digestOf(algorithm), octets, privateKey);
