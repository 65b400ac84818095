import type { Declare } from '../invocation.ts';
import { collect } from './collect.ts';

const local = () => import('../commands/backup.ts');
const remote = () => import('../commands/backup-settle.ts');

export const declareBackup: Declare = (program, perform) => {
  const backup = program
    .command('backup')
    .description('one encrypted file of database, keys and configuration; put back, and settled');
  backup
    .command('create')
    .description('write a backup of the data folder, while the service runs or not')
    .argument('<file>', 'where to; one that is there is not overwritten')
    .option('--passphrase-file <file>', 'encrypt by a passphrase: the first line of a file')
    .option(
      '--recipient <age1…>',
      'encrypt for a recipient of the age format; may be given more than once',
      collect,
    )
    .option(
      '--without-passphrase',
      'leave out keys/passphrase: kept elsewhere, it is needed at the start after a restore',
    )
    .action(perform(async () => (await local()).createBackup));
  const opened = (name: string, description: string) =>
    backup
      .command(name)
      .description(description)
      .argument('<file>')
      .option('--passphrase-file <file>', 'the first line of a file is the passphrase')
      .option('--identity-file <file>', 'a file with identities of the age format (AGE-SECRET-KEY-…)');
  opened('inspect', 'read a backup to its end, prove that it is whole, and say what is in it').action(
    perform(async () => (await local()).inspectBackup),
  );
  opened(
    'restore',
    'put a backup into a data folder that holds nothing; the service signs nothing until it is settled',
  ).action(perform(async () => (await local()).restoreBackup));
  backup
    .command('status')
    .description('show whether a restore waits to be settled (role security or auditor)')
    .action(perform(async () => (await remote()).showRestoration));
  backup
    .command('settle')
    .description('take in what is known from elsewhere, and let the service sign again (role security)')
    .requiredOption('--reason <text>', 'what was found out; it stays on record')
    .option('--crl <file>', 'CRLs as a gateway holds them; may be given more than once', collect)
    .option(
      '--results <file>',
      'results of a lot (NDJSON): says which of its certificates are not on record; may be given more than once',
      collect,
    )
    .option('--without-crls', 'go on although the CRL of an authority is not at hand')
    .action(perform(async () => (await remote()).settle));
};
