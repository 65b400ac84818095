import { once } from 'node:events';

/** Ctrl-C and SIGTERM as an `AbortSignal`. */
export interface StopSignal {
  readonly signal: AbortSignal;
  /** Resolves when the process is asked to end. */
  readonly asked: Promise<void>;
  /** Gives both signals back to the system: the next one ends the process at once. */
  release(): void;
}

/** Listens for Ctrl-C and SIGTERM; the first one is heard, a second one ends the process as usual. */
export function listenForStop(): StopSignal {
  const controller = new AbortController();
  const asked = once(controller.signal, 'abort').then(() => undefined);
  const stop = (): void => {
    release();
    controller.abort(new Error('asked to stop'));
  };
  const release = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, asked, release };
}
