import type { Command } from 'commander';
import { EXIT } from './exit-status.ts';
import { type Output, processOutput } from './output.ts';

/** Options that every command takes, before or after its name. */
export interface GlobalOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly pin?: string;
  readonly caFile?: string;
  readonly data?: string;
  readonly json?: true;
}

export interface Invocation {
  readonly globals: GlobalOptions;
  readonly output: Output;
}

/** What a command does: arguments as typed, then its options. Resolves with the exit status; nothing is 0. */
// biome-ignore lint/suspicious/noExplicitAny: commander's arguments are not typed; each command says what it declared
type CommandAction = (invocation: Invocation, ...args: any[]) => Promise<number | undefined>;

/** Makes commander's action of a command whose module is loaded when it is called, and not before. */
export type Perform = (load: () => Promise<CommandAction>) => (...args: unknown[]) => Promise<void>;

/** Declares a group of commands; imports nothing but what their help needs. */
export type Declare = (program: Command, perform: Perform) => void;

/** `finish` is told the exit status. */
export const performer =
  (finish: (status: number) => void): Perform =>
  (load) =>
  async (...args) => {
    const command = args.at(-1) as Command;
    const globals = command.optsWithGlobals<GlobalOptions>();
    const act = await load();
    const status = await act(
      { globals, output: processOutput({ json: globals.json === true }) },
      ...args.slice(0, -1),
    );
    finish(status ?? EXIT.done);
  };
