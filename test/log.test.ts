import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PkiError } from '../src/errors.ts';
import { createLogger, type Logger, type LogLevel } from '../src/log.ts';

function logged(act: (logger: Logger) => void, level: LogLevel = 'info'): readonly Record<string, unknown>[] {
  const lines: string[] = [];
  act(createLogger({ level, destination: { write: (line) => lines.push(line) } }));
  return lines.map((line) => {
    expect(line.endsWith('\n')).toBe(true);
    expect(line.trimEnd()).not.toMatch(/[\n\r]/);
    return JSON.parse(line) as Record<string, unknown>;
  });
}

const token = `fca_0123456789abcdef_${'c'.repeat(43)}`;
const pem = (label: string): string =>
  `-----BEGIN ${label}-----\nProc-Type: 4,ENCRYPTED\n\ncanary\n-----END ${label}-----\n`;

describe('a log line', () => {
  test('is one line of JSON with ISO time, level and message, whatever is in it', () => {
    const [line] = logged((logger) =>
      logger.info({ deviceId: 'a\r\nb\u001b[31m\u2028' }, 'issued\nnot a second line'),
    );
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      deviceId: 'a\r\nb\u001b[31m\u2028',
      msg: 'issued\nnot a second line',
    });
  });

  test('is written at its level and above', () => {
    const levels = logged((logger) => {
      logger.debug('no');
      logger.warn('yes');
      logger.fatal('yes');
    }, 'warn');
    expect(levels.map(({ level }) => level)).toEqual(['warn', 'fatal']);
    expect(logged((logger) => logger.fatal('no'), 'silent')).toEqual([]);
  });

  test('keeps ids and drops secrets by the name of their field, at any depth and in child loggers', () => {
    const [line] = logged((logger) =>
      logger
        .child({ req: { headers: { Authorization: 'canary', 'set-cookie': ['canary'], host: 'a' } } })
        .info({
          tokenId: 'kept',
          keyId: 'kept',
          facts: [
            {
              token: 'canary',
              private_key: { a: 'canary' },
              csr: 'canary',
              passphrase: 'canary',
              key: 'canary',
            },
          ],
          octets: Buffer.from('canary'),
          array: new Uint8Array(Buffer.from('canary')),
        }),
    );
    const text = JSON.stringify(line);
    expect(text).not.toMatch(/canary|99,97,110/);
    expect(line).toMatchObject({ tokenId: 'kept', keyId: 'kept', req: { headers: { host: 'a' } } });
    expect(text.match(/\[redacted\]/g)).toHaveLength(7);
  });

  test.each([
    ['a bearer token', `got Bearer canary-${token} here`],
    ['a token', `got ${token}`],
    ['a private key', `key: ${pem('ENCRYPTED PRIVATE KEY')}`],
    ['an RSA key', pem('RSA PRIVATE KEY')],
    ['a key cut off', pem('EC PRIVATE KEY').slice(0, 60)],
    ['a CSR', pem('CERTIFICATE REQUEST')],
    ['a CSR of an old tool', pem('NEW CERTIFICATE REQUEST')],
    ['a URL with a password', 'postgres://fleetca:canary@db/fleetca'],
  ])('never shows %s, in message, field, error or cause', (_, secret) => {
    const lines = logged((logger) => {
      logger.info(secret);
      logger.info({ field: [secret] }, 'x');
      logger.error(new Error(secret, { cause: new Error(secret) }));
      logger.error({ err: new PkiError('bad-csr', 'x', { facts: { got: secret } }) }, 'x');
      logger.child({ secret }).info('x');
    });
    expect(lines).toHaveLength(5);
    expect(JSON.stringify(lines)).not.toMatch(/canary|c{43}/);
  });

  test('shows whose token it was, certificates, and the stack of an error', () => {
    const [line] = logged((logger) => logger.error(new Error(`${token} ${pem('CERTIFICATE')}`)));
    expect(JSON.stringify(line)).toMatch(
      /fca_0123456789abcdef_\[redacted\].*BEGIN CERTIFICATE.*log\.test\.ts/,
    );
  });

  test('of hostile length costs little', () => {
    const hostile = [
      'Bearer '.repeat(20_000),
      '-----BEGIN PRIVATE KEY'.repeat(8_000),
      '://a:'.repeat(30_000),
      'a'.repeat(200_000),
    ];
    const begin = performance.now();
    logged((logger) => {
      for (const text of hostile) logger.info(text);
    });
    expect(performance.now() - begin).toBeLessThan(2_000);
  });
});

test('a full disk behind stderr does not stop the service', { timeout: 30_000 }, () => {
  const full = openSync('/dev/full', 'w');
  const script = `
    const { createLogger } = await import(${JSON.stringify(fileURLToPath(new URL('../src/log.ts', import.meta.url)))});
    const logger = createLogger({ level: 'info' });
    for (let i = 0; i < 100; i++) logger.info({ i }, 'x'.repeat(100_000));
    setTimeout(() => { logger.info('later'); process.stdout.write('alive'); }, 50);
  `;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', full],
    encoding: 'utf8',
  });
  closeSync(full);
  expect([child.stdout, child.status]).toEqual(['alive', 0]);
});

test('lines go to stderr, and nothing to stdout', { timeout: 30_000 }, () => {
  const script = `
    const { createLogger } = await import(${JSON.stringify(fileURLToPath(new URL('../src/log.ts', import.meta.url)))});
    createLogger({ level: 'info' }).info('hello');
  `;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect(child.stdout).toBe('');
  expect(JSON.parse(child.stderr)).toMatchObject({ level: 'info', msg: 'hello' });
});
