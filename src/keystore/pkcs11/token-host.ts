/**
 * The process that a token's module runs in. A module is foreign code that may hang, crash or keep a broken
 * connection for ever: here none of that reaches the service, and a new process is a new C_Initialize.
 * It holds no key and writes nothing; it ends when the service does.
 */
import pkcs11 from 'pkcs11js';
import { KeystoreSetupError } from '../setup-error.ts';
import {
  type AuthorityKey,
  destroyAuthorityKey,
  findAuthorityKey,
  generateAuthorityKey,
  NoSuchKey,
} from './authority-key.ts';
import { findToken, loadModule } from './token.ts';
import type { Answer, Asked, FoundKey, Question, TokenFault } from './token-messages.ts';
import { returnValueOf } from './token-refusal.ts';
import { openSessions, type TokenSessions } from './token-sessions.ts';

/** After these the same PIN fails again, and each try may be the last (PKCS#11 2.40, 5.6, C_Login). */
const ABOUT_THE_PIN: ReadonlySet<string> = new Set([
  'CKR_PIN_INCORRECT',
  'CKR_PIN_INVALID',
  'CKR_PIN_LEN_RANGE',
  'CKR_PIN_EXPIRED',
  'CKR_PIN_LOCKED',
  'CKR_USER_PIN_NOT_INITIALIZED',
]);

/** The longest signature: RSA with 8192 bits. */
const MOST_SIGNATURE_OCTETS = 1024;

let sessions: TokenSessions | undefined;
const keys: AuthorityKey[] = [];

class PinFault extends Error {}

function faultOf(failure: unknown): TokenFault {
  const cause = failure instanceof Error && failure.cause !== undefined ? failure.cause : failure;
  const returnValue = returnValueOf(cause) ?? null;
  const message = failure instanceof Error ? failure.message : 'The module failed.';
  const isPin = failure instanceof PinFault || (returnValue !== null && ABOUT_THE_PIN.has(returnValue));
  if (isPin) return { returnValue, message, about: 'pin' };
  const isWish =
    failure instanceof NoSuchKey || (failure instanceof KeystoreSetupError && sessions !== undefined);
  return { returnValue, message, about: isWish ? 'wish' : 'token' };
}

function connect({ module, label, pin, sessions: most }: Extract<Question, { ask: 'connect' }>): Answer {
  const library = loadModule(pkcs11, module);
  const { slot, name, flags } = findToken(library, pkcs11.CKF_TOKEN_INITIALIZED, { module, label });
  if ((flags & pkcs11.CKF_USER_PIN_LOCKED) !== 0) throw new PinFault('The PIN of the token is locked.');
  if ((flags & pkcs11.CKF_USER_PIN_FINAL_TRY) !== 0) {
    throw new PinFault(
      'One wrong PIN more locks the token, so none is tried: log in with another tool first, which takes the warning back.',
    );
  }
  const session = library.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION);
  // Of all sessions of this process (PKCS#11 2.40, 5.6).
  library.C_Login(session, pkcs11.CKU_USER, pin);
  sessions = openSessions(library, pkcs11, { slot, most });
  return { done: 'connected', label: name };
}

function keep(key: AuthorityKey): FoundKey {
  const { publicKey, extractable, local } = key;
  return { key: keys.push(key) - 1, publicKey, extractable, local };
}

async function answer(question: Question): Promise<Answer> {
  if (question.ask === 'connect') return connect(question);
  if (!sessions) throw new Error('a question before the connection');
  return sessions.use(async (token): Promise<Answer> => {
    switch (question.ask) {
      case 'find': {
        const found = findAuthorityKey(token, question.by);
        return { done: 'found', found: found ? keep(found) : null };
      }
      case 'generate': {
        const { keyId, algorithm } = question;
        const wish = { algorithm, id: Buffer.from(question.id) };
        return { done: 'found', found: keep(await generateAuthorityKey(token, keyId, wish)) };
      }
      case 'destroy':
        destroyAuthorityKey(token, question.by);
        return { done: 'destroyed' };
      case 'look':
        token.library.C_GetSessionInfo(token.session);
        return { done: 'looked' };
      case 'sign': {
        const key = keys[question.key];
        if (!key) throw new Error('a key that was not found before');
        const { library, session } = token;
        library.C_SignInit(session, { mechanism: key.mechanism }, key.privateKey);
        const room = Buffer.alloc(MOST_SIGNATURE_OCTETS);
        return {
          done: 'signed',
          signature: await library.C_SignAsync(session, Buffer.from(question.input), room),
        };
      }
    }
  });
}

// Ctrl-C reaches the whole group of processes: the service ends in order, and this one after it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
// An orderly exit would wait for a module that hangs.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', async ({ number, question }: Asked) => {
  const said: Answer = await answer(question).catch((failure: unknown) => ({
    done: 'failed' as const,
    fault: faultOf(failure),
  }));
  process.send?.({ number, answer: said });
});
