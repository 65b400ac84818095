import type { Declare } from '../invocation.ts';
import { wholeNumber } from './whole-number.ts';

export const declareAudit: Declare = (program, perform) => {
  const audit = program.command('audit').description('what was done, by whom');
  audit
    .command('list')
    .description('list the audit log, oldest first (role security or auditor)')
    .option('--after <n>', 'only entries after this number', wholeNumber(0))
    .action(perform(async () => (await import('../commands/audit.ts')).listAudit));
  audit
    .command('verify')
    .description(
      'check the audit chain, and that the ledger says what it says: in the data folder, running or not',
    )
    .action(perform(async () => (await import('../commands/audit-verify.ts')).verifyAudit));
};
