import type { Declare } from '../invocation.ts';
import { choice } from './choice.ts';
import { wholeNumber } from './whole-number.ts';

const SUBMIT_HELP = `
A lot is NDJSON: {"csr": "<PEM, or DER in base64>", "deviceId"?, "profile"?, "labels"?, "notAfter"?, "supersede"?}
a line. By the end of its name a file is sent as .csv (a header names the columns: csr, deviceId, profile,
notAfter, supersede, label:<name>), or as .tar, .tar.gz or .zip of .csr, .pem, .der, .p10 and .req files;
.ndjson.gz and .csv.gz go as they are. Of a folder every .csr, .pem and .der file with a request is one row; files that hold a private key
are left out. An interrupted lot is sent again under the same --id: rows that were done are replayed.`;

export const declareBatch: Declare = (program, perform) => {
  const batch = program.command('batch').description('lots of requests, of any length');
  batch
    .command('submit')
    .description('send a lot, and get one outcome a row while it runs (role station or security)')
    .argument(
      '<lot>',
      'file (NDJSON, .csv, .tar, .tar.gz, .zip), - for NDJSON from stdin, or a folder of requests',
    )
    .requiredOption('--fleet <fleet>')
    .option('--id <id>', 'name of the lot, to send it again after an interruption (default: one is made)')
    .option('--profile <name>', 'for rows that name none')
    .option('--authority <name>', 'who issues')
    .addOption(
      choice('--ids <source>', 'of an archive: the device ID is the CN, or the name of the file', [
        'cn',
        'name',
      ]),
    )
    .option('--out <file>', 'where the outcomes go, one JSON object a line')
    .addHelpText('after', SUBMIT_HELP)
    .action(perform(async () => (await import('../commands/batch-submit.ts')).submitBatch));
  batch
    .command('list')
    .description('list lots, newest first, with how far each is (role station, security or auditor)')
    .addOption(choice('--state <state>', 'of the last attempt', ['receiving', 'complete', 'interrupted']))
    .option('--fleet <fleet>', 'of this fleet alone')
    .option('--station <id>', 'opened by this token')
    .action(perform(async () => (await import('../commands/batch-list.ts')).listBatches));
  batch
    .command('status')
    .description('show a lot and its attempts')
    .argument('<id>')
    .action(perform(async () => (await import('../commands/batch-read.ts')).showBatch));
  batch
    .command('results')
    .description('read the outcomes of a lot')
    .argument('<id>')
    .addOption(choice('--format <format>', 'as JSON lines or a spreadsheet reads them', ['ndjson', 'csv']))
    .option('--after <n>', 'only outcomes after this position', wholeNumber(0))
    .option('--limit <n>', 'at most so many', wholeNumber(1))
    .option('--attempt <n>', 'only those of one attempt', wholeNumber(1))
    .action(perform(async () => (await import('../commands/batch-read.ts')).readResults));
  batch
    .command('bundles')
    .description('fetch the credentials of all devices of a lot that have a live certificate from it')
    .argument('<id>')
    .requiredOption('--out <file>', 'where they go: .tar, .tar.gz, or .zip for at most 10,000 devices')
    .action(perform(async () => (await import('../commands/batch-read.ts')).fetchBundles));
};
