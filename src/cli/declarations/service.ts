import { type Command, Option } from 'commander';
import type { Declare } from '../invocation.ts';

/**
 * Adds the flags of the service's configuration to a command. They are read from the room that knows
 * them, and only when the command is named: loading it costs more than all the rest of the start.
 */
async function addConfigFlags(program: Command, command: Command): Promise<void> {
  const { CONFIG_KEYS } = await import('../../config/index.ts');
  const taken = new Set(program.options.map(({ long }) => long));
  for (const { flag, meaning, default: fallback } of CONFIG_KEYS) {
    if (flag === null || taken.has(flag)) continue;
    command.addOption(new Option(`${flag} <value>`, `${meaning} (default: ${fallback})`));
  }
}

export const declareService: Declare = (program, perform) => {
  const quickstart = program
    .command('quickstart')
    .description('do the main job once on embedded defaults: a demo fleet, a lot of 1,000 requests, bundles')
    .option('--once', 'end after the summary; exit status 0 only if all of it held')
    .option('--out <folder>', 'where certificates and bundles go', 'quickstart-out')
    .action(perform(async () => (await import('../commands/run-quickstart.ts')).runQuickstart));
  const serve = program
    .command('serve')
    .description('run the service; the first start makes what is missing and says so')
    .action(perform(async () => (await import('../commands/serve.ts')).serve));
  program.hook('preSubcommand', async (_program, command) => {
    if (command === serve || command === quickstart) await addConfigFlags(program, command);
  });
};
