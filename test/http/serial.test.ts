import { expect, it } from 'vitest';
import { SERIAL, serialOctets } from '../../src/http/serial.ts';

it.each([
  ['1000', '1000'],
  ['F1', '00f1'],
  ['00f1', '00f1'],
  ['0000f1', '00f1'],
  ['0a', '0a'],
  ['00', '00'],
  ['0000', '00'],
])('the serial %s is on record as %s', (given, octets) => {
  expect(SERIAL.test(given)).toBe(true);
  expect(Buffer.from(serialOctets(given)).toString('hex')).toBe(octets);
});

it.each(['', '1', 'xx', 'ab'.repeat(22)])('%s is none', (given) => {
  expect(SERIAL.test(given)).toBe(false);
});
