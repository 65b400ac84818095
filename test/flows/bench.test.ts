/** `fleetca bench` as a process: one line of JSON on stdout, and nothing left behind. No figure is judged here. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isLeftOut } from '../support/counterpart.ts';
import { scratchFolder } from '../support/service.ts';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));

const hasToken = !isLeftOut('softhsm2-util');

const MEASURED = {
  ceiling: ['ceilingPerSecond', 'verifyAndSignPerSecond'],
  bulk: ['bulkPerSecond', 'hoursForLot'],
  single: ['singlePerSecond', 'singleP50Ms', 'singleP99Ms'],
  ...(hasToken
    ? { softhsm: ['tokenBulkPerSecond', 'tokenBulkOfFiles', 'tokenSinglePerSecond', 'tokenSingleOfFiles'] }
    : {}),
  keys: ['caMadeKeysPerSecond', 'caMadeKeysCeilingPerSecond', 'caMadeKeysOfTheirCeiling'],
};
const NOT_ASKED_FOR = ['bulkOfCfssl', 'singleOfCfssl', 'bulkAt5MOf200k', 'memoryGrowthMiB'];

describe('the bench', () => {
  it('measures the parts that were asked for, says why the others are not there, and cleans up', async () => {
    const scratch = scratchFolder();
    const { stdout, stderr } = await run(
      process.execPath,
      [
        PROGRAM,
        'bench',
        '--quick',
        ...['--rows', '500', '--runs', '1', '--only', 'ceiling,bulk,single,keys', '--json'],
        ...(hasToken ? ['--peer', 'softhsm'] : []),
      ],
      { env: { PATH: process.env.PATH, TMPDIR: scratch } },
    );
    const lines = stdout.trimEnd().split('\n');
    const report = JSON.parse(lines.at(-1) ?? '');
    expect(lines).toHaveLength(1);
    expect(report).toMatchObject({ node: process.version, bulkRows: 500 });
    for (const [part, names] of Object.entries(MEASURED)) {
      // On a machine that is busy with other things the minute may be over before, even before the run.
      const due = report.notMeasured[part] === undefined ? expect.any(Number) : null;
      for (const name of names) expect(report[name], name).toEqual(due);
    }
    for (const name of NOT_ASKED_FOR) expect(report[name], name).toBeNull();
    expect(Object.keys(report.notMeasured)).toEqual(
      expect.arrayContaining(['memory', 'growth', 'cfssl', 'openssl']),
    );
    expect(stderr).toMatch(/of the ceiling .*>= 0\.65/);
    expect(readdirSync(join(scratch)).filter((name) => name.startsWith('fleetca-bench-'))).toEqual([]);
  });

  it('refuses a part that it does not know', async () => {
    const failure = await run(process.execPath, [PROGRAM, 'bench', '--only', 'bulk,nothing']).catch(
      (refused: unknown) => refused,
    );
    expect(failure).toMatchObject({ code: 2, stdout: '' });
  });
});
