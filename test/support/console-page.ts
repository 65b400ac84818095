/** What the pages for people show of a terminal, held against what the program prints. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pageFile, readPage } from './paste-page.ts';
import { outputOf } from './run-fleetca.ts';
import { scratchFolder } from './service.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));

/** A command of a page, the exit status that it says (`# status 5`), and what it shows of the output. */
export interface Shown {
  readonly command: string;
  readonly status: number;
  readonly said: string;
}

/** The commands of the `console` blocks under a heading of a page, in order. */
export function shownUnder(page: string, heading: string): readonly Shown[] {
  const section = readPage(page)
    .split(/^(?=#{2,3} )/m)
    .find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`docs/${page} has no ${heading}`);
  return [...section.matchAll(/```console\n(.*?)```/gs)].flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const end = text.indexOf('\n');
        const command = text.slice(0, end);
        return {
          command,
          status: Number(/# status (\d+)$/.exec(command)?.[1] ?? 0),
          said: text.slice(end + 1),
        };
      }),
  );
}

/** What is another each time: instants, days, digests, amounts, the pictures of amounts, and how wide a column is. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<instant>'],
  [/\d{4}-\d\d-\d\d/g, '<day>'],
  [/\d{4}-\d\d(?= )/g, '<month>'],
  [/\b[0-9a-f]{12,}\b/g, '<hex>'],
  [/█+/g, '<bar>'],
  [/\b\d{3,}\b/g, '<number>'],
  [/-{3,}/g, '---'],
  [/ +/g, ' '],
];

export const shapeOf = (text: string): string =>
  VARYING.reduce((shape, [what, as]) => shape.replace(what, as), text)
    .split('\n')
    .map((line) => line.trim())
    .join('\n')
    .trim();

const escapeText = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** True where a page shows what was printed; `…` stands for anything, on a line of its own for any lines. */
export function isShown(said: string, printed: string): boolean {
  const lines = shapeOf(said)
    .split('\n')
    .map((line) => (line === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(escapeText).join('.*')}\n`));
  return new RegExp(`^${lines.join('')}$`).test(`${shapeOf(printed)}\n`);
}

/** Puts what was printed where a page shows something else under a heading. */
export function putOnPage(page: string, heading: string, { command, said }: Shown, printed: string): void {
  const text = readPage(page);
  const start = text.indexOf(`\n${heading}\n`);
  const shown = `$ ${command}\n${said}`;
  const put = text.slice(start).replace(shown, () => `$ ${command}\n${printed.trimEnd()}\n`);
  writeFileSync(pageFile(page), text.slice(0, start) + put);
}

/** Runs a command as a reader types it; what the terminal shows. */
export async function type(
  { command }: Pick<Shown, 'command'>,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly status: number | null; readonly out: string }> {
  const bin = scratchFolder();
  writeFileSync(join(bin, 'fleetca'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, {
    mode: 0o755,
  });
  const child = spawn('sh', ['-c', `exec 2>&1; ${command}`], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: `${bin}:${process.env.PATH}`, ...env },
  });
  return outputOf(child);
}
