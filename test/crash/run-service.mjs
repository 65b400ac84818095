// The built service as a child process: starts as `fleetca serve` does, says on stdout where it is, and
// ends on SIGTERM, or at once when whoever started it is gone. Configured by FLEETCA_* alone.
import { loadConfig } from '../../dist/config/index.js';
import { createLogger } from '../../dist/log.js';
import { startService } from '../../dist/main.js';

const say = (word) => process.stdout.write(`${JSON.stringify(word)}\n`);
let ending = false;
process.stdin.resume();
process.stdin.once('end', () => process.exit(2));
try {
  const config = loadConfig();
  const service = await startService(config, createLogger({ level: config.logLevel }));
  process.on('SIGTERM', async () => {
    if (ending) return;
    ending = true;
    await service.close();
    process.exit(0);
  });
  say({ pid: process.pid, apiUrl: service.apiUrl, created: service.created });
} catch (failure) {
  say({ refusal: { name: failure.name, code: failure.code ?? null, message: failure.message } });
  process.stdin.destroy();
  process.exitCode = 2;
}
