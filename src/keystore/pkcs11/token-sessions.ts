import type { Handle, PKCS11 } from 'pkcs11js';
import type { TokenSession } from './token-key.ts';

/** Sessions with one token, each with one operation at a time (PKCS#11 2.40, 5.6: a second is CKR_OPERATION_ACTIVE). */
export interface TokenSessions {
  /** Waits for a session that nobody uses. */
  use<T>(work: (token: TokenSession) => Promise<T> | T): Promise<T>;
}

/** Opens sessions that may write, as many as the token gives: at least one. */
export function openSessions(
  library: PKCS11,
  ck: TokenSession['ck'],
  { slot, most }: { readonly slot: Handle; readonly most: number },
): TokenSessions {
  const open = (): Handle => library.C_OpenSession(slot, ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION);
  const free = [open()];
  for (let n = 1; n < most; n++) {
    try {
      free.push(open());
    } catch {
      // CKR_SESSION_COUNT, for one: it has fewer than we could use.
      break;
    }
  }
  const waiting: ((session: Handle) => void)[] = [];
  const take = (): Promise<Handle> => {
    const session = free.pop();
    return session ? Promise.resolve(session) : new Promise((resolve) => waiting.push(resolve));
  };
  return {
    use: async (work) => {
      const session = await take();
      try {
        return await work({ library, session, ck });
      } finally {
        const next = waiting.shift();
        if (next) next(session);
        else free.push(session);
      }
    },
  };
}
