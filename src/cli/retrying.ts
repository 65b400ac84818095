import type { Persistence } from './client/backoff.ts';
import type { Output } from './output.ts';

/** `--retries <n>` and `--no-retry`, as commander gives them. */
export interface RetryOptions {
  readonly retries: number;
  readonly retry: boolean;
}

/** How the command line wants calls to be made again; each time a person is told. */
export const persistenceOf = (
  { retries, retry }: RetryOptions,
  output: Output,
  signal: AbortSignal,
): Persistence => {
  const most = retry ? retries : 0;
  return {
    retries: most,
    signal,
    onRetry: ({ message }, waitMs, nth) => {
      if (output.json) return;
      // A bar may stand in the line.
      const start = output.interactive ? '\n' : '';
      output.say(`${start}${message} Trying again in ${(waitMs / 1000).toFixed(1)} s (${nth} of ${most}).`);
    },
  };
};
