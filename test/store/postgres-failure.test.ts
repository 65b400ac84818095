import { expect, test } from 'vitest';
import { PkiError } from '../../src/errors.ts';
import { isOvertaken, isServersWord, Overtaken, postgresError } from '../../src/store/postgres/failure.ts';
import { int8 } from '../../src/store/postgres/int8.ts';

const coded = (code: string, message = 'no'): Error => Object.assign(new Error(message), { code });

test.each([
  ['53100', 'storage-full'],
  ['55P03', 'busy'],
  ['57014', 'busy'],
  ['53300', 'busy'],
  ['57P03', 'busy'],
  ['40001', 'busy'],
  ['40P01', 'busy'],
  ['57P01', 'storage-unavailable'],
  ['08006', 'storage-unavailable'],
  ['28P01', 'storage-unavailable'],
  ['3D000', 'storage-unavailable'],
  ['25006', 'storage-unavailable'],
  ['42501', 'storage-unavailable'],
  ['XX001', 'storage-unavailable'],
  ['ECONNREFUSED', 'storage-unavailable'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'storage-unavailable'],
])('%s of the server or the socket is %s', (code, expected) => {
  const cause = coded(code);
  expect(postgresError(cause)).toMatchObject({ code: expected, facts: { medium: code }, cause });
});

test.each(['23505', '23503', '42601', '22P02'])('%s is a defect and stays what it is', (code) => {
  const failure = coded(code);
  expect(postgresError(failure)).toBe(failure);
});

test.each([
  'Connection terminated unexpectedly',
  'Query read timeout',
  'timeout exceeded when trying to connect',
])('"%s" is storage-unavailable', (message) => {
  expect(postgresError(new Error(message))).toMatchObject({ code: 'storage-unavailable' });
});

test('a refusal stays what it is, and what is neither too', () => {
  const refusal = new PkiError('not-found', 'no');
  const defect = new TypeError('x is not a function');
  expect(postgresError(refusal)).toBe(refusal);
  expect(postgresError(defect)).toBe(defect);
});

test('a transaction that another one overtook may be run again', () => {
  expect([coded('40001'), coded('40P01'), new Overtaken('a device')].every(isOvertaken)).toBe(true);
  expect([coded('23505'), coded('57P01'), new Error('no')].some(isOvertaken)).toBe(false);
});

test('only the server can say that a commit failed, and not while it ends', () => {
  expect([coded('23503'), coded('40001')].every(isServersWord)).toBe(true);
  expect([coded('57P01'), coded('08006'), coded('ECONNRESET'), new Error('no')].some(isServersWord)).toBe(
    false,
  );
});

test('a number beyond 2^53 is refused, not rounded', () => {
  expect(int8('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => int8('9007199254740992')).toThrow();
});
