import type { Declare } from '../invocation.ts';
import { ALGORITHMS } from './authority.ts';
import { choice, requiredChoice } from './choice.ts';
import { wholeNumber } from './whole-number.ts';

/** Here again, so that the command line does not load the authority to say what it knows. */
const STEPS = ['publish', 'activate', 'roll-back', 'retire', 'destroy'] as const;

const commands = () => import('../commands/rotate.ts');
const compromised = () => import('../commands/compromise.ts');

export const declareRotate: Declare = (program, perform) => {
  const rotate = program
    .command('rotate')
    .description(
      "from one key of an authority to the next, step by step and back; its name stays the scripts'",
    );
  const step = (name: string, description: string) =>
    rotate.command(name).description(description).argument('<authority>').requiredOption('--fleet <fleet>');
  const move = (name: string, description: string) =>
    step(name, description).requiredOption('--generation <n>', 'which one', wholeNumber(1));

  step(
    'stage',
    'make the next generation: a key and its certificate, which nobody trusts yet (role security)',
  )
    .addOption(choice('--key-algorithm <algorithm>', 'its key (default: as before)', ALGORITHMS))
    .option('--profile <name>', 'what its certificate says (default: as before)')
    .option(
      '--common-name <text>',
      'its name in the certificate (default: with the number of the generation)',
    )
    .action(perform(async () => (await commands()).stage));
  step('status', 'show the generations of an authority, and what was done with each').action(
    perform(async () => (await commands()).status),
  );
  move('publish', 'put a staged generation into the trust bundle (role security)').action(
    perform(async () => (await commands()).publish),
  );
  move('acknowledge', 'say that a gateway has a generation: it issues when all have it (role security)')
    .option('--probe', "ask the fleet's gateway itself which CAs it accepts")
    .option('--gateway <host:port>', "the fleet's gateway")
    .option('--server <name>', 'an OTA server of the fleet')
    .option('--word <text>', 'who said it, and where it was seen')
    .action(perform(async () => (await commands()).acknowledge));
  move('activate', 'let a published generation issue; the one before drains (role security)')
    .option('--force <reason>', 'before it was in the trust bundle for long enough: why it is safe')
    .action(perform(async () => (await commands()).activate));
  move('back', 'take a generation one step back (role security)').action(
    perform(async () => (await commands()).rollBack),
  );
  move('compromise', 'mark a generation whose key others may have: it issues no more (role security)')
    .option('--preview', 'only say how many devices it cuts off')
    .option('--reason <text>', 'why; it stays on record')
    .addOption(
      choice(
        '--withdraw <when>',
        'when it leaves the trust bundle: when its devices have other certificates and you say `now`, or at once',
        ['after-re-issue', 'now'],
      ).default('after-re-issue'),
    )
    .option('--cuts-off <n>', 'confirm how many devices it cuts off, at most', wholeNumber(0))
    .action(perform(async () => (await compromised()).compromise));
  move('destroy', 'destroy the key of a generation that is retired or withdrawn; for good (role security)')
    .requiredOption('--reason <text>', 'why; it stays on record')
    .requiredOption('--confirm <sha256>', 'fingerprint of its certificate, as rotate status shows it')
    .action(perform(async () => (await commands()).destroy));
  move('re-issue', 'list what stands under a generation, device by device')
    .option('--csv', 'as CSV')
    .option('--ndjson', 'as NDJSON')
    .action(perform(async () => (await compromised()).reissue));
  move('retire', 'take a drained generation out of the trust bundle (role security)').action(
    perform(async () => (await commands()).retire),
  );
  move('rehearse', 'say before a step whether it may be taken, in numbers; nothing changes by it')
    .addOption(requiredChoice('--step <step>', 'which', STEPS))
    .action(perform(async () => (await import('../commands/rehearse.ts')).rehearse));

  program
    .command('forecast')
    .description('show what ends when, and the last day on which each rotation can begin')
    .option('--fleet <fleet>', 'which (default: all that the token sees)')
    .action(perform(async () => (await import('../commands/forecast.ts')).forecast));
};
