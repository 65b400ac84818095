import type { Declare } from '../invocation.ts';
import { wholeNumber } from './whole-number.ts';

const commands = () => import('../commands/registration.ts');

export const declareRegistration: Declare = (program, perform) => {
  const registration = program
    .command('registration')
    .description('registration credentials: what devices fetch their own credentials with');
  registration
    .command('create')
    .description('make autoprov_credentials.p12 (role security); it is handed out once')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--name <text>', 'for people: where it goes')
    .requiredOption('--max-devices <n>', 'how many devices register with it', wholeNumber(1))
    .option('--days <n>', 'how long it lives (default: 90)', wholeNumber(1))
    .option('--authority <name>', "issues the devices (default: the fleet's)")
    .option('--profile <name>', "what the devices' certificates say (default: the target's)")
    .option('--out <file>', 'a new file, 0600', 'autoprov_credentials.p12')
    .action(perform(async () => (await commands()).createRegistration));
  registration
    .command('list')
    .description('list what devices of a fleet register with, and how many have')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await commands()).listRegistrations));
  registration
    .command('revoke')
    .description('let nobody register with it any more (role security)')
    .argument('<id>', '16 hex digits, as registration list shows them')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--reason <text>')
    .action(perform(async () => (await commands()).revokeRegistration));
};
