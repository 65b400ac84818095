import { resolve } from 'node:path';
import type { Config } from '../../config/index.ts';
import { demonstrate } from './demonstrate.ts';
import { verifyReplaceable } from './output-folder.ts';
import { renderSummary } from './render-summary.ts';
import { startForDemo } from './start.ts';
import { listenForStop, type StopSignal } from './stop-signal.ts';
import type { Summary } from './summary.ts';
import { print, say } from './terminal.ts';

export interface QuickstartOptions {
  /** End after the summary; else the service runs on until Ctrl-C or SIGTERM. */
  readonly once: boolean;
  /** The folder for the results; relative to the working directory. */
  readonly out: string;
  /** One JSON object on stdout, in place of the text. */
  readonly json: boolean;
}

/** As a shell reports a process that SIGINT ended: 128 + 2. */
const STOPPED = 130;

function printSummary(summary: Summary, { once, json }: QuickstartOptions): void {
  print(json ? JSON.stringify(summary) : renderSummary(summary, once ? 'ends' : 'runs-on'));
}

async function runDemo(config: Config, options: QuickstartOptions, stop: StopSignal): Promise<number> {
  const out = resolve(options.out);
  // Before anything is made: the lot would be for nothing.
  await verifyReplaceable(out);
  const closers: (() => Promise<void>)[] = [];
  try {
    const service = await startForDemo(config);
    closers.unshift(() => service.close());
    const summary = await demonstrate({
      config,
      service,
      out,
      signal: stop.signal,
      closeLater: (close) => closers.unshift(close),
    });
    printSummary(summary, options);
    if (!options.once) {
      say('\nThe service and the demo gateway run until you press Ctrl-C.');
      await stop.asked;
      say('Ending.');
    }
    return summary.held ? 0 : 1;
  } finally {
    // Last opened, first closed.
    for (const close of closers) await close();
  }
}

/**
 * Runs the demonstration and gives the exit status: 0 if everything that it expected held, 1 if not, 130
 * where it was stopped before the end. Rejects as `startService` does, with the `PkiError` of a call
 * that the service refused, and with a `LocalFailure` where `out` is taken or the admin token is away.
 */
export async function quickstart(config: Config, options: QuickstartOptions): Promise<number> {
  const stop = listenForStop();
  try {
    return await runDemo(config, options, stop);
  } catch (failure) {
    if (!stop.signal.aborted) throw failure;
    say('Stopped before the end. What was issued is on record; the folder for the results was not written.');
    return STOPPED;
  } finally {
    stop.release();
  }
}
