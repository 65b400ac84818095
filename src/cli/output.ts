/** Where a command's words go: data to stdout, all else to stderr. */
export interface Output {
  /** `--json`: one JSON value a line on stdout. */
  readonly json: boolean;
  /** True where stderr is a terminal that a person looks at. */
  readonly interactive: boolean;
  /** True where stdout is a terminal, which binary data would garble. */
  readonly stdoutIsTerminal: boolean;
  /** Writes data. Resolves when the next piece may come. */
  data(content: string | Uint8Array): Promise<void>;
  /** A message for a person. */
  say(line: string): void;
}

function write(stream: NodeJS.WriteStream, content: string | Uint8Array): Promise<void> {
  if (stream.write(content)) return Promise.resolve();
  return new Promise((resolve) => stream.once('drain', resolve));
}

/** The process's own streams. */
export const processOutput = ({ json }: Pick<Output, 'json'>): Output => ({
  json,
  interactive: process.stderr.isTTY === true,
  stdoutIsTerminal: process.stdout.isTTY === true,
  data: (content) => write(process.stdout, content),
  say: (line) => void process.stderr.write(`${line}\n`),
});

/** One thing: a line of JSON, or the lines that `human` makes of it. */
export async function show<T>(output: Output, value: T, human: (value: T) => string): Promise<void> {
  await output.data(output.json ? `${JSON.stringify(value)}\n` : human(value));
}

/** Warnings of the service, for a person; in JSON they stand in the answer itself. */
export function sayWarnings(output: Output, warnings: readonly string[]): void {
  if (output.json) return;
  for (const warning of warnings) output.say(`warning: ${warning}`);
}
