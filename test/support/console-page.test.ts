import { describe, expect, it } from 'vitest';
import { isShown } from './console-page.ts';

const PRINTED = `AUTHORITY  STATE   NOT AFTER             SHA-256
line-7     active  2031-11-24T14:16:49Z  a8d783c17f6cec5e49e5fd06e531cfafad545ae4eb44945fefe096c68c266114
root       active  2036-11-22T14:16:49Z  495da8407f411e5402af2e08b4d388406b7b83d1f239a3df85e335976a520116

There are 1458 days to begin in; 3 certificates stand.
`;

describe('what a page shows of a terminal', () => {
  it('may have other instants, digests, amounts and widths', () => {
    const page = PRINTED.replaceAll('2031-11-24T14:16:49Z', '2032-01-01T00:00:00Z')
      .replace(/a8d7\w+/, '0123456789abcdef'.repeat(4))
      .replace('1458', '1200')
      .replaceAll('active  ', 'active      ');
    expect(isShown(page, PRINTED)).toBe(true);
  });

  it('may leave out lines, and the rest of one', () => {
    expect(isShown(PRINTED.replace(/^root.*\n/m, '…\n').replace('3 certificates stand', '…'), PRINTED)).toBe(
      true,
    );
  });

  it.each([
    ['another word', PRINTED.replace('root', 'roots')],
    ['another small number', PRINTED.replace('3 certificates', '4 certificates')],
    ['a line more', `${PRINTED}and more\n`],
    ['a line less', PRINTED.replace(/^root.*\n/m, '')],
    ['a day where an instant stands', PRINTED.replace('2031-11-24T14:16:49Z', '2031-11-24')],
    ['nothing', ''],
  ])('is not what is printed with %s', (_, page) => expect(isShown(page, PRINTED)).toBe(false));
});
