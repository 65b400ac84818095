import type { Declare } from '../invocation.ts';
import { collect } from './collect.ts';

const onFolder = () => import('../commands/ceremony-folder.ts');

export const declareCeremony: Declare = (program, perform) => {
  const ceremony = program
    .command('ceremony')
    .description('what is done with the key of a root that is offline, from a file, without a network');
  ceremony
    .command('run')
    .description('do what a file says, with a throw-away key first, and write what came of it')
    .argument('<file>', 'the ceremony, YAML')
    .requiredOption('--out <folder>', 'where public files go: new, or empty')
    .option('--shares <folder>', 'where the shares of a passphrase go, a file for each custodian')
    .option('--share <file>', 'a share that a custodian brings; once for each (default: asked for)', collect)
    .option(
      '--passphrase-file <file>',
      'the passphrase of the key (default: FLEETCA_PASSPHRASE_FILE, or asked for)',
    )
    .option('--rehearse', 'with throw-away keys alone; all that is written says so')
    .action(perform(async () => (await import('../commands/ceremony-run.ts')).runCeremony));
  ceremony
    .command('verify')
    .description('verify the files of a ceremony: by themselves, without a service')
    .argument('<folder>')
    .action(perform(async () => (await onFolder()).verifyCeremony));
  ceremony
    .command('import')
    .description('let the service verify a ceremony, and take in what it made (role security)')
    .argument('<folder>')
    .requiredOption('--fleet <fleet>')
    .option('--authority <name>', 'what a root is called in the fleet (default: as its root is, or root)')
    .action(perform(async () => (await onFolder()).importCeremony));
};
