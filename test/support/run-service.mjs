/**
 * Runs the service from dist/ as a process of its own, so that it can be killed. Its one argument is JSON:
 * `{flags, level, clockOffsetMs}`. Prints one line of JSON: what the service says of itself, or why it
 * refused to start (exit status 1). Ends in order on SIGTERM, and at once when whoever started it is gone.
 */
const { flags, level = 'info', clockOffsetMs = 0 } = JSON.parse(process.argv[2]);

if (clockOffsetMs !== 0) {
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...given) {
      if (given.length === 0) super(Real.now() + clockOffsetMs);
      else super(...given);
    }
    static now() {
      return Real.now() + clockOffsetMs;
    }
  };
}

const { startService } = await import('../../dist/main.js');
const { loadConfig } = await import('../../dist/config/index.js');
const { createLogger } = await import('../../dist/log.js');

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

process.stdin.resume();
process.stdin.once('end', () => process.exit(2));

try {
  const { close, ...facts } = await startService(loadConfig({ flags }), createLogger({ level }));
  process.once('SIGTERM', async () => {
    await close();
    process.stdin.destroy();
  });
  say(facts);
} catch (failure) {
  say({ refused: { name: failure.name, code: failure.code ?? null, message: failure.message } });
  process.stdin.destroy();
  process.exitCode = 1;
}
