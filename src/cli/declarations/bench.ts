import { type Command, InvalidArgumentError, Option } from 'commander';
import { PARTS, type Part, PEERS } from '../bench/plan.ts';
import type { Declare } from '../invocation.ts';
import { wholeNumber } from './whole-number.ts';

const HELP = `
Rates depend on the machine; the ratios are taken within each run, with the client on the same machine. The
services that are measured run on a temporary folder (set TMPDIR to one on the disk that the line will use)
and are gone afterwards. docs/performance.md says what is measured and how.`;

const isPart = (word: string): word is Part => PARTS.some((part) => part === word);

function parts(text: string): readonly Part[] {
  const words = text.split(',').map((word) => word.trim());
  if (words.every(isPart)) return words;
  throw new InvalidArgumentError(`Parts, separated by commas, are due: ${PARTS.join(', ')}.`);
}

const peer = (): Option =>
  new Option(
    '--peer <name>',
    'measure this program beside the service, where it is installed (softhsm: the service with its keys in a token); may stand again',
  )
    .choices(PEERS)
    .argParser(collect);

function collect(name: string, before: readonly string[] | undefined): readonly string[] {
  if (PEERS.some((known) => known === name)) return [...(before ?? []), name];
  throw new InvalidArgumentError(`Allowed choices are ${PEERS.join(', ')}.`);
}

export const declareBench: Declare = (program: Command, perform) => {
  program
    .command('bench')
    .description('measure how fast this machine issues: a table on stderr, one line of JSON on stdout')
    .option('--quick', 'smaller and fewer, without the growth part; ends within a minute')
    .option('--rows <n>', 'rows of a lot (default: 20000, and 100000 for memory)', wholeNumber(1))
    .option('--runs <n>', 'how often; medians are reported (default: 5, with --quick 3)', wholeNumber(1))
    .addOption(peer())
    .option(
      '--seed <n>',
      'certificates of the larger store of the growth part (default: 5000000); without that part, of the store that is measured',
      wholeNumber(1),
    )
    .option(
      '--lot <n>',
      'work out how long a lot of so many rows takes here (default: 1000000)',
      wholeNumber(1),
    )
    .option('--only <parts>', `some of ${PARTS.join(',')}`, parts)
    .addHelpText('after', HELP)
    .action(perform(async () => (await import('../bench/bench.ts')).runBench));
};
