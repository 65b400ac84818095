/**
 * The `fleetca` command: arguments in, calls to the service (or to the data folder, for what must be
 * local), data on stdout, everything else on stderr, and an exit status that scripts can switch on.
 * It decides nothing about certificates.
 */
import { EXIT } from './exit-status.ts';
import { run } from './run.ts';

process.stdout.on('error', (failure: NodeJS.ErrnoException) => {
  if (failure.code === 'EPIPE') process.exit(EXIT.readerLeft);
  throw failure;
});

process.exitCode = await run(process.argv.slice(2));
