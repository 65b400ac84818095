import type { Right, Role } from '../../enrollment/index.ts';
import type { Declare } from '../invocation.ts';
import { choice, requiredChoice } from './choice.ts';
import { collect } from './collect.ts';
import { wholeNumber } from './whole-number.ts';

const ROLES = ['admin', 'security', 'station', 'auditor'] as const satisfies readonly Role[];
const RIGHTS = ['supersede', 'report-handshakes'] as const satisfies readonly Right[];

export const declareToken: Declare = (program, perform) => {
  const token = program.command('token').description('tokens: who may call');
  token
    .command('create')
    .description('make a token (role admin); it is shown once')
    .requiredOption('--name <text>', 'for people: whose it is')
    .addOption(requiredChoice('--role <role>', 'what it may do', ROLES))
    .option('--fleet <fleet>', 'bind it to a fleet; a station must be')
    .addOption(choice('--right <right>', 'a right beyond the role', RIGHTS))
    .option('--quota <n>', 'certificates that it may have made, in all', wholeNumber(1))
    .option('--quota-per-hour <n>', 'and in an hour of the clock, UTC', wholeNumber(1))
    .option('--label <key=value>', 'stamped on what it has made; may stand several times', collect)
    .option('--profile <name>', 'device profile that it may ask under; may stand several times', collect)
    .option('--id-pattern <pattern>', "form of its device IDs: '*' any characters, '?' one, '#' a digit")
    .option('--days <n>', 'how long it lives (default: 90)', wholeNumber(1))
    .option('--out <file>', 'write the token into a new file (0600) instead of stdout')
    .action(perform(async () => (await import('../commands/token.ts')).createToken));
  token
    .command('list')
    .description('list tokens, without their secrets (role admin)')
    .action(perform(async () => (await import('../commands/token.ts')).listTokens));
  token
    .command('revoke')
    .description('revoke a token (role admin)')
    .argument('<id>', '16 hex digits, the second part of the token')
    .action(perform(async () => (await import('../commands/token.ts')).revokeToken));
  token
    .command('recover')
    .description(
      'make a new admin token in the data folder, where the last one is lost; the service must be stopped',
    )
    .action(perform(async () => (await import('../commands/token-recover.ts')).recoverToken));
};
