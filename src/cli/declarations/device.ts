import type { Declare } from '../invocation.ts';
import { choice } from './choice.ts';

export const declareDevice: Declare = (program, perform) => {
  const device = program.command('device').description('the inventory of a fleet');
  device
    .command('list')
    .description('list devices, in order of ID')
    .requiredOption('--fleet <fleet>')
    .option('--device-id <id>', 'exactly this one')
    .option('--key <digest>', 'whose key it is: SHA-256 of the SubjectPublicKeyInfo, in hex')
    .option('--csv', 'CSV for a spreadsheet')
    .option('--ndjson', 'one JSON object a line')
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
