import { LocalFailure } from './local-failure.ts';
import { listenForStop } from './quickstart/stop-signal.ts';

/** What to tell whoever stopped it. */
export interface Stopped {
  readonly message: string;
  readonly hint: string;
}

/**
 * Does something that Ctrl-C or SIGTERM ends in order. Rejects with `interrupted` then, whatever came of it
 * in the code that was stopped; a second Ctrl-C ends the process at once.
 */
export async function interruptible<T>(
  act: (signal: AbortSignal) => Promise<T>,
  stopped: () => Stopped,
): Promise<T> {
  const { signal, release } = listenForStop();
  try {
    return await act(signal);
  } catch (cause) {
    if (!signal.aborted) throw cause;
    const { message, hint } = stopped();
    throw new LocalFailure('interrupted', message, { hint, cause });
  } finally {
    release();
  }
}
