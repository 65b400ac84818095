import type { Declare } from '../invocation.ts';
import { wholeNumber } from './whole-number.ts';

const SUBMIT_HELP = `
A lot is NDJSON: {"csr": "<PEM, or DER in base64>", "deviceId"?, "profile"?, "labels"?, "notAfter"?, "supersede"?}
a line. Of a folder every .csr, .pem and .der file with a request is one row; files that hold a private key
are left out. An interrupted lot is sent again under the same --id: rows that were done are replayed.`;

export const declareBatch: Declare = (program, perform) => {
  const batch = program.command('batch').description('lots of requests, of any length');
  batch
    .command('submit')
    .description('send a lot, and get one outcome a row while it runs (role station or security)')
    .argument('<lot>', 'NDJSON file, - for stdin, or a folder of requests')
    .requiredOption('--fleet <fleet>')
    .option('--id <id>', 'name of the lot, to send it again after an interruption (default: one is made)')
    .option('--profile <name>', 'for rows that name none')
    .option('--authority <name>', 'who issues')
    .option('--out <file>', 'where the outcomes go, one JSON object a line')
    .addHelpText('after', SUBMIT_HELP)
    .action(perform(async () => (await import('../commands/batch-submit.ts')).submitBatch));
  batch
    .command('status')
    .description('show a lot and its attempts')
    .argument('<id>')
    .action(perform(async () => (await import('../commands/batch-read.ts')).showBatch));
  batch
    .command('results')
    .description('read the outcomes of a lot')
    .argument('<id>')
    .option('--after <n>', 'only outcomes after this position', wholeNumber(0))
    .option('--limit <n>', 'at most so many', wholeNumber(1))
    .option('--attempt <n>', 'only those of one attempt', wholeNumber(1))
    .action(perform(async () => (await import('../commands/batch-read.ts')).readResults));
};
