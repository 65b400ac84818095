import { PkiError } from '../../errors.ts';
import type { Answer, Question } from './token-messages.ts';
import { startTokenProcess, TokenFailure, type TokenProcess } from './token-process.ts';

export interface TokenLinkInput {
  readonly module: string;
  /** null: the only initialised token there is. */
  readonly label: string | null;
  /** A function, so that printing the input does not print it. */
  readonly pin: () => string;
  /** Signatures at a time. */
  readonly sessions: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Told of each change; `null`: the token answers again. Never the PIN. */
  readonly onChange: (problem: string | null) => void;
}

/** One connection, while it holds: keys have numbers in it. */
export interface Connection {
  ask<D extends Answer['done']>(question: Question, done: D): Promise<Extract<Answer, { done: D }>>;
}

/** What holds the connection to a token, and takes it up again. */
export interface TokenLink {
  /** The connection as it is, once an attempt under way has ended. Rejects at once with `signer-unavailable`. */
  connection(): Promise<Connection>;
  /** Why the token cannot be used; null: it can. */
  problem(): PkiError | null;
  close(): void;
}

/** Pauses between attempts, milliseconds: doubled each time. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** How often a connection is looked at: a token that nobody uses goes away without a word. */
const LOOK_EVERY_MS = 10_000;
/** Six chunks of 256 rows (`batch/run.ts`) of thirteen lots. */
const MOST_WAITING = 20_000;

/** A key's own fault, which says nothing of the connection. */
const OF_ONE_KEY: ReadonlySet<string> = new Set([
  'CKR_KEY_FUNCTION_NOT_PERMITTED',
  'CKR_KEY_SIZE_RANGE',
  'CKR_KEY_TYPE_INCONSISTENT',
  'CKR_MECHANISM_INVALID',
  'CKR_MECHANISM_PARAM_INVALID',
  'CKR_ATTRIBUTE_VALUE_INVALID',
  'CKR_ATTRIBUTE_TYPE_INVALID',
  'CKR_TEMPLATE_INCONSISTENT',
  'CKR_TEMPLATE_INCOMPLETE',
  'CKR_CURVE_NOT_SUPPORTED',
  'CKR_DOMAIN_PARAMS_INVALID',
  'CKR_TOKEN_WRITE_PROTECTED',
  'CKR_SESSION_READ_ONLY',
  'CKR_DEVICE_MEMORY',
]);

const losesConnection = ({ fault }: TokenFailure): boolean =>
  fault.about === 'token' && !(fault.returnValue !== null && OF_ONE_KEY.has(fault.returnValue));

/** What a failure of the token is to whoever wanted something signed. */
export function unavailable({ fault }: TokenFailure, retryAfterSeconds: number): PkiError {
  const { message, returnValue } = fault;
  return new PkiError('signer-unavailable', `The token cannot be used now: ${message}`, {
    facts: { returnValue, retryAfterSeconds },
  });
}

/** The connection that a process holds. A session that failed once is not trusted again, nor are the others. */
function connectionOf(process: TokenProcess): Connection {
  return {
    ask: async (question, done) => {
      const answer = await process.ask(question).catch((failure: unknown) => {
        if (failure instanceof TokenFailure && losesConnection(failure)) process.end(failure);
        throw failure;
      });
      if (answer.done !== done) throw new Error(`the token's process answered ${answer.done}`);
      return answer as never;
    },
  };
}

/**
 * Connects to a token, and again whenever the connection is lost: with pauses that double up to half a minute, and
 * each time in a new process, so that nothing of a broken connection is left. While there is none everything is
 * refused as `signer-unavailable`. A PIN that the token refuses ends all attempts: the next could lock it.
 */
export function openTokenLink(input: TokenLinkInput): TokenLink {
  const { module, label, pin, sessions, environment, onChange } = input;
  let current: Connection | undefined;
  let attempt: Promise<void> | undefined;
  /** The process of the attempt under way, or of the connection. */
  let latest: TokenProcess | undefined;
  let problem: PkiError | null = null;
  let pauseMs = FIRST_PAUSE_MS;
  let retry: NodeJS.Timeout | undefined;
  let over = false;

  function giveUp(failure: TokenFailure): void {
    current = undefined;
    if (over) return;
    const isPin = failure.fault.about === 'pin';
    const before = problem?.message;
    problem = unavailable(failure, Math.ceil(pauseMs / 1000));
    if (problem.message !== before) onChange(problem.message);
    if (isPin) {
      over = true;
      return;
    }
    clearTimeout(retry);
    retry = setTimeout(() => {
      attempt = connect();
    }, pauseMs).unref();
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }

  async function connect(): Promise<void> {
    // Until it has answered once, what becomes of the process is this attempt's failure.
    let holds = false;
    const process = startTokenProcess({
      sessions,
      mostWaiting: MOST_WAITING,
      environment,
      onLost: (failure) => {
        if (holds) giveUp(failure);
      },
    });
    latest = process;
    try {
      await process.ask({ ask: 'connect', module, label, pin: pin(), sessions });
      if (over) return process.end(closed());
      holds = true;
      current = connectionOf(process);
      pauseMs = FIRST_PAUSE_MS;
      problem = null;
      onChange(null);
    } catch (failure) {
      if (!(failure instanceof TokenFailure)) throw failure;
      process.end(failure);
      giveUp(failure);
    } finally {
      attempt = undefined;
    }
  }

  const closed = (): TokenFailure =>
    new TokenFailure({ returnValue: null, about: 'token', message: 'the service is ending.' });

  const looking = setInterval(() => {
    // A failure is told where the connection is given up.
    current?.ask({ ask: 'look' }, 'looked').catch(() => undefined);
  }, LOOK_EVERY_MS).unref();

  attempt = connect();
  return {
    connection: async () => {
      await attempt;
      if (current) return current;
      throw problem ?? unavailable(closed(), 1);
    },
    problem: () => problem,
    close: () => {
      over = true;
      clearTimeout(retry);
      clearInterval(looking);
      // Also one that hangs in an attempt: the service would wait for its answer before it ends.
      latest?.end(closed());
      current = undefined;
    },
  };
}
