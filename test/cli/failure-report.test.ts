import { describe, expect, it } from 'vitest';
import { describeFailure, formatFailure } from '../../src/cli/failure-report.ts';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { PkiError } from '../../src/errors.ts';

describe('a failure, told on the terminal', () => {
  it('is its code and detail, a line for each violation, and a hint', () => {
    const refusal = new PkiError('request-differs', 'It has other labels.', {
      violations: [{ at: '/labels', message: 'differ' }],
    });
    expect(formatFailure(describeFailure(refusal))).toBe(
      'fleetca: request-differs: It has other labels.\n' +
        '  /labels: differ\n' +
        '  hint: leave --not-after and --label out to get the live certificate\n',
    );
    expect(describeFailure(refusal).exitStatus).toBe(5);
  });

  it('is one line where there is nothing more to say', () => {
    expect(formatFailure(describeFailure(new PkiError('bad-der', 'It is cut off.')))).toBe(
      'fleetca: bad-der: It is cut off.\n',
    );
  });

  it('is a defect with its stack where nobody expected it', () => {
    const report = describeFailure(new RangeError('boom'));
    expect(report).toMatchObject({ code: 'defect', exitStatus: 70 });
    expect(report.detail).toContain('failure-report.test');
  });

  it('cannot move the cursor or turn the text round', () => {
    const failure = new LocalFailure('usage', 'a\u001b[2Jb\u202ec', {
      violations: [{ at: 'x\r', message: 'y' }],
    });
    expect(formatFailure(describeFailure(failure))).toBe(
      'fleetca: usage: a\ufffd[2Jb\ufffdc\n  x\ufffd: y\n',
    );
  });
});
