import { describe, expect, it } from 'vitest';
import { EXIT, EXIT_STATUS, LOCAL_CODES } from '../../src/cli/exit-status.ts';
import { REFUSAL_CODES } from '../../src/errors.ts';
import { PROBLEMS } from '../../src/http/problems.ts';

describe('exit statuses', () => {
  it('are those of the design', () => {
    expect(EXIT).toEqual({
      done: 0,
      rowsRefused: 1,
      badInput: 2,
      refusedByPolicy: 3,
      notAuthorised: 4,
      conflict: 5,
      tryAgain: 6,
      defect: 70,
      interrupted: 130,
      readerLeft: 141,
    });
  });

  it('has one for every refusal and every failure of our own, and no other', () => {
    expect(Object.keys(EXIT_STATUS).sort()).toEqual([...REFUSAL_CODES, ...LOCAL_CODES].sort());
    expect(Object.values(EXIT_STATUS)).not.toContain(EXIT.done);
  });

  it.each(REFUSAL_CODES)('says of %s what its HTTP status says', (code) => {
    const due: Readonly<Record<number, number>> = {
      400: EXIT.badInput,
      401: EXIT.notAuthorised,
      404: EXIT.notAuthorised,
      405: EXIT.badInput,
      406: EXIT.badInput,
      409: EXIT.conflict,
      413: EXIT.badInput,
      415: EXIT.badInput,
      422: EXIT.refusedByPolicy,
      429: EXIT.tryAgain,
      503: EXIT.tryAgain,
      507: EXIT.tryAgain,
    };
    expect(EXIT_STATUS[code]).toBe(due[PROBLEMS[code].status]);
  });
});
