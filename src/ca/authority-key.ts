import { PkiError, type RefusalCode } from '../errors.ts';
import type { CaContext } from './context.ts';
import type { Fleet } from './ledger-records.ts';

/** Refuses `algorithm-not-allowed`. */
export function verifyKeyAlgorithm(ca: CaContext, fleet: Fleet, algorithm: string): void {
  const { authorityKeys, title } = ca.policy.target(fleet.target);
  if (authorityKeys.some((one) => one === algorithm)) return;
  throw new PkiError(
    'algorithm-not-allowed',
    `Authorities for ${title} have keys of the kinds ${authorityKeys.join(', ')}; ${algorithm} is not known to be taken there.`,
  );
}

/** The key's name in the keystore: readable, and never used twice. */
export function newKeyId(ca: CaContext, fleet: Fleet, authority: string): string {
  return `${fleet.name}.${authority}.${Buffer.from(ca.random.bytes(6)).toString('hex')}`;
}

/** True for ids that `newKeyId` gives, of keys in files; the service's own keys have other forms. */
export const isAuthorityKeyId = (keyId: string): boolean => /^[^.]+\.[^.]+\.[0-9a-f]{12}$/.test(keyId);

/**
 * What the ledger decides before it records anything. After a failure of the medium it may hold the
 * record all the same, and then it needs the key.
 */
const NOTHING_RECORDED: ReadonlySet<RefusalCode> = new Set([
  'already-exists',
  'key-of-a-ca',
  'key-of-another-device',
  'clock-behind',
  'rotation-refused',
  'not-found',
]);

/** Records what names a new key. A refusal takes the key away again: nothing would ever name it. */
export async function recordKey<T>(ca: CaContext, keyId: string, record: () => Promise<T>): Promise<T> {
  try {
    return await record();
  } catch (failure) {
    if (failure instanceof PkiError && NOTHING_RECORDED.has(failure.code)) {
      // The refusal is the answer, whatever becomes of the file: a start tells of those that are left.
      await ca.keystore.discard(keyId).catch(() => undefined);
    }
    throw failure;
  }
}
