/**
 * The `fleetca` command: arguments in, calls to the service (or to the data folder, for what must be
 * local), data on stdout, everything else on stderr, and an exit status that scripts can switch on.
 * It decides nothing about certificates.
 */
import { run } from './run.ts';

/** As a shell reports a program that SIGPIPE ended: 128 + 13. */
const READER_WENT_AWAY = 141;

process.stdout.on('error', (failure: NodeJS.ErrnoException) => {
  if (failure.code === 'EPIPE') process.exit(READER_WENT_AWAY);
  throw failure;
});

process.exitCode = await run(process.argv.slice(2));
