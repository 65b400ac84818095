import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resumeCommand } from '../../src/cli/commands/resume-command.ts';
import { continueFile } from '../../src/cli/continue-file.ts';
import { openOutcomes } from '../../src/cli/outcome-sink.ts';
import { processOutput } from '../../src/cli/output.ts';
import { noRowsWritten } from '../../src/cli/written-rows.ts';
import { scratchFolder } from './scratch.ts';

const output = processOutput({ json: true });

describe('rows of a lot that is sent again', () => {
  it('are written once', () => {
    const written = noRowsWritten();
    expect([1, 2].map((row) => written.take({ row, status: 'issued' }))).toEqual([true, true]);
    expect([1, 2, 3].map((row) => written.take({ row, status: 'replayed' }))).toEqual([false, false, true]);
    expect(written.counts).toEqual({ done: 3, refused: 0 });
  });

  it('are written once more where they have a certificate only now', () => {
    const written = noRowsWritten();
    written.take({ row: 1, status: 'failed' });
    written.take({ row: 2, status: 'refused' });
    expect(written.counts).toEqual({ done: 2, refused: 2 });
    expect(written.take({ row: 1, status: 'issued' })).toBe(true);
    expect(written.take({ row: 2, status: 'refused' })).toBe(false);
    expect(written.take({ row: 1, status: 'replayed' })).toBe(false);
    expect(written.counts).toEqual({ done: 2, refused: 1 });
  });
});

const line = (row: number): string => JSON.stringify({ row, deviceId: `d-${row}`, status: 'issued' });

describe('a file of outcomes that is gone on with', () => {
  it('loses the line that was being written, and gets no row twice', async () => {
    const out = join(scratchFolder({ out: `${line(1)}\n${line(2)}\n{"row":3,"dev` }), 'out');
    const written = noRowsWritten();
    const sink = await openOutcomes(output, { out, keep: true }, written);
    for (const row of [1, 2, 3, 4]) {
      await sink.take(line(row), { row, deviceId: `d-${row}`, status: 'replayed' }, null);
    }
    await sink.close();
    expect(readFileSync(out, 'utf8')).toBe([1, 2, 3, 4].map((row) => `${line(row)}\n`).join(''));
  });

  it('may be new, or hold half a line alone', async () => {
    const folder = scratchFolder({ half: '{"row' });
    for (const name of ['new', 'half']) {
      const sink = await continueFile(join(folder, name), () => undefined);
      await sink.write('x\n');
      await sink.close();
      expect(readFileSync(join(folder, name), 'utf8')).toBe('x\n');
    }
  });

  it.each([
    ['that is something else', 'dear diary\nhalf'],
    ['of JSON that is no outcome', '{"a":1}\nhalf'],
    ['with a gap', `${line(1)}\n${line(3)}\nhalf`],
  ])('%s is refused and stays as it was', async (_what, text) => {
    const out = join(scratchFolder({ out: text }), 'out');
    await expect(openOutcomes(output, { out, keep: true }, noRowsWritten())).rejects.toMatchObject({
      code: 'usage',
    });
    expect(readFileSync(out, 'utf8')).toBe(text);
  });
});

describe('the command that goes on with a lot', () => {
  const stopped = { source: 'lot', terms: { id: 'lot-1', fleet: 'demo' }, options: {}, globals: {} };

  it('names what the service may not have heard of', () => {
    const terms = { ...stopped.terms, profile: 'gateway' };
    expect(resumeCommand({ ...stopped, terms, options: { out: 'out.ndjson' } })).toBe(
      'fleetca batch resume lot-1 lot --fleet demo --profile gateway --out out.ndjson',
    );
  });

  it('names how the service was reached, and nothing else that was parsed', () => {
    const globals = { url: 'https://ca:8443', tokenFile: 'line 7', json: true, retries: 10 } as const;
    expect(resumeCommand({ ...stopped, globals })).toBe(
      "fleetca batch resume lot-1 lot --fleet demo --url https://ca:8443 --token-file 'line 7' --json",
    );
  });

  it('can be pasted into a shell', () => {
    expect(resumeCommand({ ...stopped, source: "it's; rm -rf $HOME" })).toBe(
      "fleetca batch resume lot-1 'it'\\''s; rm -rf $HOME' --fleet demo",
    );
  });
});
