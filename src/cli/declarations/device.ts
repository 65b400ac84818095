import { DEVICE_KEY_ALGORITHMS } from '../../x509/index.ts';
import type { Declare } from '../invocation.ts';
import { choice } from './choice.ts';

const collect = (one: string, before: readonly string[] = []): readonly string[] => [...before, one];

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
    .command('create')
    .description('let the service make the key and the certificate of a device (role station or security)')
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--out <folder>', 'where client.pem and pkey.pem go, or with --recipient pkey.cms')
    .addOption(choice('--key-algorithm <kind>', 'default: ec-p256', DEVICE_KEY_ALGORITHMS))
    .option('--recipient <file>', 'certificate (PEM) that the key is encrypted for')
    .option('--profile <name>', "what the certificate says (default: the target's device profile)")
    .option('--authority <name>', "who issues (default: the fleet's issuing authority, else its root)")
    .option('--not-after <time>', 'RFC 3339; taken as it is, or refused')
    .option('--label <key=value>', 'kept with the certificate; may stand several times', collect)
    .option('--supersede <reason>', 'another key for a device that has one, and why')
    .action(perform(async () => (await import('../commands/device-create.ts')).createDevice));
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
