import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { PkiError } from '../../errors.ts';
import { LIMITS } from '../limits.ts';

/** zlib's own words for octets that are no gzip, or not all of it. */
const isZlibError = (failure: unknown): failure is Error =>
  failure instanceof Error &&
  'code' in failure &&
  typeof failure.code === 'string' &&
  failure.code.startsWith('Z_');

function verifyExpansion(taken: number, given: number): void {
  if (given <= taken * LIMITS.expansion + LIMITS.expansionFreeOctets) return;
  throw new PkiError(
    'too-large',
    `The compressed lot expands to more than ${LIMITS.expansion} times its size.`,
  );
}

/**
 * Expands gzip (RFC 1952; several members are one stream) as it comes, a piece at a time. Refuses
 * `too-large` at the octet where it has expanded to over 100 times what was read, `bad-lot` where it is
 * damaged, cut off, or followed by something else.
 */
export async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let taken = 0;
  let given = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      taken += piece.length;
      yield piece;
    }
  }
  const engine = createGunzip();
  const feeding = pipeline(counted, engine);
  // It rejects with what the loop below throws, or when that stops early.
  feeding.catch(() => undefined);
  try {
    for await (const piece of engine as AsyncIterable<Uint8Array>) {
      given += piece.length;
      verifyExpansion(taken, given);
      yield piece;
    }
  } catch (failure) {
    if (!isZlibError(failure)) throw failure;
    throw new PkiError('bad-lot', 'The compressed lot is no gzip, is damaged, or is cut off.', {
      cause: failure,
    });
  }
}
