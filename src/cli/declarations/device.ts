import type { Declare } from '../invocation.ts';
import { choice } from './choice.ts';

export const declareDevice: Declare = (program, perform) => {
  const device = program.command('device').description('the inventory of a fleet');
  device
    .command('list')
    .description('list devices, in order of ID')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await import('../commands/device.ts')).listDevices));
  device
    .command('show')
    .description('show a device with its certificates, newest first')
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await import('../commands/device.ts')).showDevice));
  program
    .command('bundle')
    .description('fetch the credentials of a device as a zip')
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .addOption(choice('--layout <layout>', 'which files, for whom', ['device']).default('device'))
    .option('--out <file>', 'where the zip goes (default: stdout)')
    .action(perform(async () => (await import('../commands/device.ts')).fetchBundle));
};
