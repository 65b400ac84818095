import { type FileHandle, open } from 'node:fs/promises';
import { readLines } from './client/lines.ts';
import type { Sink } from './files.ts';
import { fileFailure, LocalFailure } from './local-failure.ts';
import { octetsOf } from './octets-of.ts';
import { type Outcome, parseLine } from './outcome.ts';

const LINE_FEED = 0x0a;

/** The octets up to the end of the last line that has one. */
async function wholeLines(handle: FileHandle): Promise<number> {
  let at = 0;
  let whole = 0;
  for await (const piece of octetsOf(handle)) {
    const end = piece.lastIndexOf(LINE_FEED);
    if (end !== -1) whole = at + end + 1;
    at += piece.length;
  }
  return whole;
}

function parseOutcome(path: string, line: string): Outcome {
  let parsed: unknown;
  try {
    parsed = parseLine(line);
  } catch {
    // Told of below, as what is JSON and no outcome.
  }
  const { row } = (parsed ?? {}) as Partial<Outcome>;
  if (Number.isSafeInteger(row)) return parsed as Outcome;
  throw new LocalFailure('usage', `${path} holds lines that are no outcomes of a lot.`, {
    hint: 'name another --out: what stands there is not touched',
  });
}

/**
 * Opens a file of outcomes to write on where it ends; a new one where there is none. `take` is told of
 * every outcome that it holds; what it throws refuses the file. Rejects with `usage`.
 */
export async function continueFile(path: string, take: (outcome: Outcome) => void): Promise<Sink> {
  const explain = (failure: unknown): never => {
    throw fileFailure(path, failure);
  };
  const handle = await open(path, 'a+').catch(explain);
  try {
    const whole = await wholeLines(handle);
    for await (const line of readLines(octetsOf(handle, whole))) take(parseOutcome(path, line));
    // Only now: a file that is not ours is not touched. What was being written when we were killed goes.
    await handle.truncate(whole);
  } catch (failure) {
    await handle.close();
    throw fileFailure(path, failure);
  }
  return {
    write: (content) => handle.appendFile(content).catch(explain),
    close: () => handle.close().catch(explain),
  };
}
