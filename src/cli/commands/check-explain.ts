import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECK_CODES } from '../../check/index.ts';
import { packageRoot } from '../../package-root.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';

/** The page with a section for each code; it is part of the package. */
const PAGE = 'docs/check.md';

/** The section of a code: what it means, and what to do, which is its last paragraph. */
function sectionOf(page: string, code: string): { readonly meaning: string; readonly todo: string } {
  const [, rest = ''] = page.split(`\n### ${code}\n`);
  const [section = ''] = rest.split(/\n##/);
  const paragraphs = section.trim().split('\n\n');
  return { meaning: paragraphs.slice(0, -1).join('\n\n'), todo: paragraphs.at(-1) ?? '' };
}

/** `check explain`: what a code of a report means, and what to do about it. Without a code: all that there are. */
export async function explainCheck({ output }: Invocation, code?: string): Promise<ExitStatus> {
  if (code === undefined) {
    await show(output, { codes: CHECK_CODES }, ({ codes }) => `${codes.join('\n')}\n`);
    return EXIT.done;
  }
  if (!CHECK_CODES.some((one) => one === code)) {
    throw new LocalFailure('usage', `There is no code ${code}.`, {
      hint: 'fleetca check explain lists all that there are',
    });
  }
  const explained = { code, ...sectionOf(await readFile(join(packageRoot, PAGE), 'utf8'), code) };
  const address = `${PAGE}#${code}`;
  await show(
    output,
    { ...explained, address },
    ({ meaning, todo }) => `${code}\n\n${meaning}\n\nWhat to do\n${todo}\n\n(${address})\n`,
  );
  return EXIT.done;
}
