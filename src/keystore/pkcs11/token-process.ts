import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { builtModule } from '../../package-root.ts';
import type { Answer, Answered, Asked, Question, TokenFault } from './token-messages.ts';

/** A question that the token could not answer. */
export class TokenFailure extends Error {
  override readonly name = 'TokenFailure';
  readonly fault: TokenFault;

  constructor(fault: TokenFault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** How long a question may take, milliseconds. RSA keys take a token minutes to make; nothing else takes seconds. */
const PATIENCE_MS: Readonly<Record<Question['ask'], number>> = {
  connect: 20_000,
  find: 20_000,
  generate: 300_000,
  sign: 20_000,
  destroy: 20_000,
  look: 20_000,
};

const lost = (message: string): TokenFailure =>
  new TokenFailure({ returnValue: null, about: 'token', message });

interface Waiting {
  readonly question: Question;
  readonly answered: (answer: Answer) => void;
  readonly failed: (failure: TokenFailure) => void;
}

export interface ProcessWish {
  readonly sessions: number;
  /** Questions that may wait for a session; the next is refused. */
  readonly mostWaiting: number;
  /** The environment that the module finds its own configuration in. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Called once, when the process has ended or was given up. */
  readonly onLost: (failure: TokenFailure) => void;
}

/** A process with the module, and the questions that it was asked. */
export interface TokenProcess {
  /**
   * Asks; as many at a time as there are sessions, the others wait in order. Rejects with `TokenFailure`;
   * when the process is lost or silent, so do all that were asked.
   */
  ask(question: Question): Promise<Answer>;
  end(reason: TokenFailure): void;
}

/** Starts the process. It is asked to `connect` before anything else. */
export function startTokenProcess({ sessions, mostWaiting, environment, onLost }: ProcessWish): TokenProcess {
  const child: ChildProcess = fork(fileURLToPath(builtModule('keystore/pkcs11/token-host.js')), [], {
    // Each signature that waits for a token takes one of libuv's threads.
    env: { ...environment, UV_THREADPOOL_SIZE: String(Math.max(4, sessions)) },
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.unref();
  child.channel?.unref();

  const queue: Waiting[] = [];
  const underWay = new Map<number, Waiting & { readonly timer: NodeJS.Timeout }>();
  let last = 0;
  let ended: TokenFailure | undefined;

  function end(reason: TokenFailure): void {
    if (ended) return;
    ended = reason;
    child.kill('SIGKILL');
    const left = [...underWay.values(), ...queue.splice(0)];
    for (const { timer } of underWay.values()) clearTimeout(timer);
    underWay.clear();
    onLost(reason);
    for (const { failed } of left) failed(reason);
  }

  function pump(): void {
    while (underWay.size < sessions) {
      const next = queue.shift();
      if (!next) return;
      const number = ++last;
      const { ask } = next.question;
      const timer = setTimeout(
        () => end(lost(`The token was silent for ${PATIENCE_MS[ask] / 1000} s (${ask}).`)),
        PATIENCE_MS[ask],
      );
      underWay.set(number, { ...next, timer });
      const asked: Asked = { number, question: next.question };
      child.send(asked, (failure) => {
        if (failure) end(lost("The process with the token's module is gone."));
      });
    }
  }

  child.on('message', (message) => {
    const { number, answer } = message as Answered;
    const waiting = underWay.get(number);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    underWay.delete(number);
    if (answer.done === 'failed') waiting.failed(new TokenFailure(answer.fault));
    else waiting.answered(answer);
    pump();
  });
  child.once('error', () => end(lost("The process with the token's module could not be started.")));
  child.once('exit', (status, signal) =>
    end(lost(`The process with the token's module ended (${signal ?? status}).`)),
  );

  return {
    end,
    ask: (question) =>
      new Promise((answered, failed) => {
        if (ended) return failed(ended);
        if (queue.length >= mostWaiting) {
          const message = `${mostWaiting} signatures wait for it already.`;
          return failed(new TokenFailure({ returnValue: null, about: 'load', message }));
        }
        queue.push({ question, answered, failed });
        pump();
      }),
  };
}
