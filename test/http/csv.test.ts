import { expect, it } from 'vitest';
import { encodeCsvRecord } from '../../src/http/csv.ts';

it.each([
  [['a', 1, null, ''], 'a,1,,\r\n'],
  [['a,b', 'say "x"', 'two\nlines', 'cr\r'], '"a,b","say ""x""","two\nlines","cr\r"\r\n'],
  [['=1+1', '+1', '-1', '@x', '\tx', '\rx'], `'=1+1,'+1,'-1,'@x,'\tx,"'\rx"\r\n`],
  [['a=1', ' =1', -1], 'a=1, =1,-1\r\n'],
  [['=cmd|" /C calc"!A0'], `"'=cmd|"" /C calc""!A0"\r\n`],
] as const)('the record %j is written so that a spreadsheet shows it and runs nothing', (cells, text) => {
  expect(encodeCsvRecord(cells)).toBe(text);
});
