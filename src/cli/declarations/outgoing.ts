import { Option } from 'commander';
import type { Declare } from '../invocation.ts';
import { choice } from './choice.ts';
import { collect } from './collect.ts';
import { wholeNumber } from './whole-number.ts';

const registryCommands = () => import('../commands/registry.ts');
const webhookCommands = () => import('../commands/webhook.ts');
const deliveryCommands = () => import('../commands/delivery.ts');

/** Here again, so that the command line does not load the service to say what it knows. */
const EVENTS = [
  'certificate.issued',
  'certificate.expiring',
  'request.refused',
  'batch.done',
  'authority.published',
  'authority.rotated',
  'authority.compromised',
  'authority.expiring',
  'rotation.due',
];

const declareRegistry: Declare = (program, perform) => {
  const registry = program
    .command('registry')
    .description("the device registry that is told of a fleet's devices (ota-community-edition)");
  registry
    .command('set')
    .description('set it, or change its settings (role security)')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--registry <url>', 'what /api/v1/devices is appended to')
    .option('--namespace <name>', 'sent as x-ats-namespace', 'default')
    .addOption(choice('--device-type <type>', 'sent with each device', ['Other', 'Vehicle']).default('Other'))
    .option('--device-id-label <label>', "whose value is the registry's deviceId (default: the common name)")
    .option('--device-name-label <label>', 'the same for deviceName')
    .option('--server-ca <file>', 'PEM: who has certified the registry (default: the public CAs)')
    .option('--registry-token-file <file>', 'its first line is sent as a bearer token')
    .action(perform(async () => (await registryCommands()).setRegistry));
  registry
    .command('show')
    .description('show it, without its token')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await registryCommands()).showRegistry));
  registry
    .command('remove')
    .description('register devices no more, and drop what waits (role security)')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await registryCommands()).removeRegistry));
};

const declareWebhook: Declare = (program, perform) => {
  const webhook = program.command('webhook').description('who is told what happens in a fleet');
  webhook
    .command('create')
    .description('add one, and print its secret, which is shown once (role security)')
    .argument('<name>')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--to <url>', 'where messages go')
    .addOption(
      new Option(
        '--event <event>',
        `what it is told of; may stand several times (default: everything): ${EVENTS.join(', ')}`,
      ).argParser(collect),
    )
    .option('--expiring-days <n>', 'how long before its end a certificate is told of', wholeNumber(1), 30)
    .option('--server-ca <file>', 'PEM: who has certified the server (default: the public CAs)')
    .action(perform(async () => (await webhookCommands()).createWebhook));
  webhook
    .command('list')
    .description("list a fleet's webhooks")
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await webhookCommands()).listWebhooks));
  webhook
    .command('delete')
    .description('tell it nothing more, and drop what waits (role security)')
    .argument('<name>')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await webhookCommands()).deleteWebhook));
};

const declareDelivery: Declare = (program, perform) => {
  const delivery = program.command('delivery').description('what has not arrived at a registry or a webhook');
  delivery
    .command('list')
    .description('list them, in the order in which they failed first')
    .requiredOption('--fleet <fleet>')
    .addOption(choice('--state <state>', 'those in it alone', ['pending', 'dead']))
    .action(perform(async () => (await deliveryCommands()).listDeliveries));
  delivery
    .command('retry')
    .description('try them again, as often as new ones (role security)')
    .argument('[id...]')
    .requiredOption('--fleet <fleet>')
    .option('--all', 'all that are dead')
    .action(perform(async () => (await deliveryCommands()).retryDeliveries));
};

export const declareOutgoing: Declare = (program, perform) => {
  declareRegistry(program, perform);
  declareWebhook(program, perform);
  declareDelivery(program, perform);
};
