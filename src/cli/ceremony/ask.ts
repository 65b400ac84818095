import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { LocalFailure } from '../local-failure.ts';

/** True where a person can be asked. */
export const canAsk = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;

/** Lines that a person types, and nobody sees, until one is empty or as many are there as are due. */
async function readHidden(question: string, most: number): Promise<readonly string[]> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  const typed: string[] = [];
  process.stderr.write(question);
  try {
    lines.on('SIGINT', () => lines.close());
    for await (const line of lines) {
      process.stderr.write('\n');
      if (line === '') break;
      typed.push(line);
      if (typed.length === most) break;
    }
  } finally {
    lines.close();
  }
  if (typed.length === 0) throw new LocalFailure('interrupted', 'Nothing was typed: the ceremony ends here.');
  return typed;
}

/** One line. Rejects with `interrupted` where nothing is typed. */
export async function askHidden(question: string): Promise<string> {
  const [line = ''] = await readHidden(`${question}: `, 1);
  return line;
}

/** A share, line by line. */
export const askShare = async (question: string, lines: number): Promise<string> =>
  (await readHidden(`${question}, line by line:\n`, lines)).join('\n');
