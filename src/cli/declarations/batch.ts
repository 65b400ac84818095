import { type Command, Option } from 'commander';
import { DEVICE_KEY_ALGORITHMS } from '../../x509/index.ts';
import type { Declare } from '../invocation.ts';
import { choice } from './choice.ts';
import { LAYOUTS } from './layouts.ts';
import { wholeNumber } from './whole-number.ts';

const SUBMIT_HELP = `
A lot is NDJSON: {"csr": "<PEM, or DER in base64>", "deviceId"?, "profile"?, "labels"?, "notAfter"?, "supersede"?}
a line. By the end of its name a file is sent as .csv (a header names the columns: csr, deviceId, profile,
notAfter, supersede, label:<name>), or as .tar, .tar.gz or .zip of .csr, .pem, .der, .p10 and .req files;
.ndjson.gz and .csv.gz go as they are. Of a folder every .csr, .pem and .der file with a request is one row; files that hold a private key
are left out. With --recipient a row without csr ({"deviceId": …}) gets a key as well, in its outcome's envelope.
Stdin is taken in whole before it is sent.

Where the connection breaks or the service asks for patience, the lot is sent again by itself under the
same id: rows that were done are replayed, and no row is written twice. After Ctrl-C, or when the retries
are spent, go on with \`fleetca batch resume <id> <lot>\`.`;

const RESUME_HELP = `
A lot for a --recipient needs the same one again. Fleet, profile and authority are those that the lot began with. With --out the file that was written so far
is gone on with.`;

const withRetries = (command: Command): Command =>
  command
    .option('--retries <n>', 'most retries in a row without a new row', wholeNumber(0), 10)
    .option('--no-retry', 'fail where the connection breaks, or the service asks for patience');

/** The options that `submit` and `resume` have in common. */
const withSending = (command: Command): Command =>
  withRetries(
    command
      .option('--profile <name>', 'for rows that name none')
      .option('--authority <name>', 'who issues')
      .addOption(
        choice('--ids <source>', 'of an archive: the device ID is the CN, or the name of the file', [
          'cn',
          'name',
        ]),
      )
      .option('--recipient <file>', 'certificate (PEM) that keys are encrypted for, of rows without a csr')
      .addOption(choice('--key-algorithm <kind>', 'of those keys (default: ec-p256)', DEVICE_KEY_ALGORITHMS))
      .option('--out <file>', 'where the outcomes go, one JSON object a line')
      .addOption(
        new Option(
          '--async',
          'only send; what becomes of the lot is read with `batch status` and `results`',
        ).conflicts('out'),
      ),
  );

const LOT = 'file (NDJSON, .csv, .tar, .tar.gz, .zip), - for NDJSON from stdin, or a folder of requests';

export const declareBatch: Declare = (program, perform) => {
  const batch = program.command('batch').description('lots of requests, of any length');
  withSending(
    batch
      .command('submit')
      .description('send a lot, and get one outcome a row while it runs (role station or security)')
      .argument('<lot>', LOT)
      .requiredOption('--fleet <fleet>')
      .option('--id <id>', 'name of the lot (default: one is made)'),
  )
    .addHelpText('after', SUBMIT_HELP)
    .action(perform(async () => (await import('../commands/batch-submit.ts')).submitBatch));
  withSending(
    batch
      .command('resume')
      .description('go on with a lot: send the same again under its id')
      .argument('<id>')
      .argument('<lot>', LOT)
      .option('--fleet <fleet>', 'for a lot of which the service may not have heard yet'),
  )
    .addHelpText('after', RESUME_HELP)
    .action(perform(async () => (await import('../commands/batch-submit.ts')).resumeBatch));
  batch
    .command('list')
    .description('list lots, newest first, with how far each is (role station, security or auditor)')
    .addOption(choice('--state <state>', 'of the last attempt', ['receiving', 'complete', 'interrupted']))
    .option('--fleet <fleet>', 'of this fleet alone')
    .option('--station <id>', 'opened by this token')
    .action(perform(async () => (await import('../commands/batch-list.ts')).listBatches));
  withRetries(
    batch
      .command('status')
      .description('show a lot and its attempts')
      .argument('<id>')
      .option('--wait', 'until it has ended: 0, 1 where rows were refused, 6 where it or rows failed'),
  ).action(perform(async () => (await import('../commands/batch-status.ts')).showBatch));
  withRetries(batch.command('results'))
    .description('read the outcomes of a lot')
    .argument('<id>')
    .addOption(choice('--format <format>', 'as JSON lines or a spreadsheet reads them', ['ndjson', 'csv']))
    .option('--after <n>', 'only outcomes after this position', wholeNumber(0))
    .option('--limit <n>', 'at most so many', wholeNumber(1))
    .option('--attempt <n>', 'only those of one attempt', wholeNumber(1))
    .option('--out <file>', 'write them there, and not to stdout')
    .option('--resume', 'go on after the last outcome in --out')
    .action(perform(async () => (await import('../commands/batch-read.ts')).readResults));
  batch
    .command('acknowledge')
    .description('let the service drop the keys of outcomes that have arrived (role station or security)')
    .argument('<id>')
    .addOption(
      new Option('--through <n>', 'up to and with this position (seq)')
        .argParser(wholeNumber(0))
        .makeOptionMandatory(),
    )
    .action(perform(async () => (await import('../commands/batch-acknowledge.ts')).acknowledgeBatch));
  batch
    .command('register')
    .description("tell the fleet's device registry of all devices of a lot again (role security)")
    .argument('<id>')
    .option('--wait <seconds>', 'how long to wait for it', wholeNumber(0), 300)
    .action(perform(async () => (await import('../commands/registry.ts')).registerBatch));
  batch
    .command('bundles')
    .description('fetch the credentials of all devices of a lot that have a live certificate from it')
    .argument('<id>')
    .requiredOption('--out <file>', 'where they go: .tar, .tar.gz, or .zip for at most 10,000 devices')
    .addOption(choice('--layout <layout>', 'which files, for whom', LAYOUTS).default('device'))
    .action(perform(async () => (await import('../commands/batch-bundles.ts')).fetchBundles));
};
