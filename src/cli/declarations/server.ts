import type { Declare } from '../invocation.ts';
import { requiredChoice } from './choice.ts';
import { wholeNumber } from './whole-number.ts';

const commands = () => import('../commands/server.ts');

export const declareServer: Declare = (program, perform) => {
  const server = program
    .command('server')
    .description("OTA servers that are told of a fleet's root, and how far that has come");
  server
    .command('add')
    .description('name a server (role security); nothing is sent to it')
    .argument('<server>', 'a name of your own: production, test')
    .requiredOption('--fleet <fleet>')
    .addOption(
      requiredChoice('--kind <kind>', 'what it is', ['ota-connect', 'ota-ce', 'aws-iot', 'azure-dps']),
    )
    .action(perform(async () => (await commands()).addServer));
  server
    .command('list')
    .description("list a fleet's servers, with what was last said of the root at each, when and by whom")
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await commands()).listServers));
  server
    .command('mark')
    .description('say how far a root has come at a server (role security)')
    .argument('<server>')
    .requiredOption('--fleet <fleet>')
    .addOption(
      requiredChoice('--state <state>', 'how far it is', [
        'prepared',
        'handed-over',
        'confirmed',
        'replaced',
      ]),
    )
    .option('--generation <n>', 'of the root', wholeNumber(1), 1)
    .option('--note <text>', 'for the record: whom you wrote to, a ticket')
    .action(perform(async () => (await commands()).markServer));
};
