import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { parseLabels } from '../../src/cli/labels.ts';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { createProgram } from '../../src/cli/program.ts';
import { formatTable } from '../../src/cli/table.ts';

/** What commander says of a command line, without running anything. */
async function parse(...argv: readonly string[]) {
  let said = '';
  const program = createProgram(() => undefined);
  const take = { writeOut: (text: string) => (said += text), writeErr: (text: string) => (said += text) };
  const quiet = (command: typeof program): void => {
    command.configureOutput(take);
    for (const inner of command.commands) quiet(inner as typeof program);
  };
  quiet(program);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (failure) {
    if (failure instanceof CommanderError) return { said, status: failure.exitCode };
    throw failure;
  }
  throw new Error('the command line was taken');
}

describe('a command line', () => {
  it.each([
    ['an unknown command', ['bogus']],
    ['an unknown option', ['fleet', 'list', '--bogus']],
    ['a missing argument', ['fleet', 'show']],
    ['a missing option', ['issue', 'dev.csr']],
    ['an argument too many', ['fleet', 'list', 'extra']],
    ['a word that is no choice', ['revoke', 'ab', '--reason', 'because']],
    ['a number that is none', ['batch', 'results', 'lot', '--after', '-1']],
  ])('with %s is refused before anything is done', async (_what, argv) => {
    const { said, status } = await parse(...argv);
    expect(status).toBe(1);
    expect(said).toMatch(/^fleetca: usage: /);
  });

  it('has no short letters', async () => {
    const { said } = await parse('--help');
    expect(said).not.toMatch(/^\s+-[a-zA-Z],/m);
    expect(said).toContain('Exit status');
  });

  it('shows the flags of the configuration with serve alone', async () => {
    expect((await parse('serve', '--help')).said).toContain('--api-port');
    expect((await parse('fleet', 'list', '--help')).said).not.toContain('--api-port');
  });

  it('shows the global flags with every command', async () => {
    expect((await parse('token', 'create', '--help')).said).toContain('--token-file');
  });
});

describe('labels', () => {
  it('are key and value, the first = between them', () => {
    expect(parseLabels(['line=7', 'note=a=b', 'empty='])).toEqual({ line: '7', note: 'a=b', empty: '' });
  });

  it.each([[['line']], [['=7']], [['a=1', 'a=2']]])('%j are refused', (given) => {
    expect(() => parseLabels(given)).toThrow(LocalFailure);
  });
});

describe('a table', () => {
  it('is aligned by characters, and shows what is not there as a dash', () => {
    expect(
      formatTable(
        ['NAME', 'N'],
        [
          ['ä', 1],
          ['long-name', null],
        ],
      ),
    ).toBe('NAME       N\nä          1\nlong-name  -\n');
  });
});
