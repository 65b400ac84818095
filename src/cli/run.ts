import { CommanderError } from 'commander';
import { EXIT } from './exit-status.ts';
import { describeFailure, formatFailure } from './failure-report.ts';
import { createProgram } from './program.ts';

/** Runs a command line (without `node` and the program's path). Never rejects: gives the exit status. */
export async function run(argv: readonly string[]): Promise<number> {
  let status: number = EXIT.done;
  const program = createProgram((finished) => {
    status = finished;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (failure) {
    // Commander has said what is wrong; help and version that were asked for are its exit code 0.
    if (failure instanceof CommanderError) return failure.exitCode === 0 ? EXIT.done : EXIT.badInput;
    const report = describeFailure(failure);
    const isJson = program.opts().json === true;
    process.stderr.write(isJson ? `${JSON.stringify({ error: report })}\n` : formatFailure(report));
    return report.exitStatus;
  }
}
