import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePin, readClientSettings } from '../../src/cli/client/settings.ts';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { scratchFolder } from './scratch.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';
const PIN = 'ab'.repeat(32);
const FILES = {
  'keys/admin-token': 'fca_admin\n',
  'keys/service-ca.crt': PEM,
  other: 'fca_other\n',
  'ca.pem': PEM,
};

const read = (globals: object, env: Record<string, string> = {}, cwd = scratchFolder(FILES)) =>
  readClientSettings({ data: '.', ...globals }, { env, cwd });

const refused = async (promise: Promise<unknown>): Promise<string> => {
  const failure = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (failure instanceof LocalFailure) return failure.code;
  throw failure ?? new Error('nothing was refused');
};

describe('where the service is', () => {
  it('is the flag, before the environment, before the default', async () => {
    const env = { FLEETCA_URL: 'https://env:1' };
    expect((await read({ url: 'https://flag:2' }, env)).url.host).toBe('flag:2');
    expect((await read({}, env)).url.host).toBe('env:1');
    expect((await read({})).url.origin).toBe('https://127.0.0.1:8443');
  });

  it.each(['http://127.0.0.1:8080', '127.0.0.1:8443', 'https://a/b', 'https://u:p@a', 'https://a/?q'])(
    'is never %s',
    async (url) => {
      expect(await refused(read({ url }))).toBe('usage');
    },
  );
});

describe('the token', () => {
  it('is that of the named file, before the environment, before the data folder', async () => {
    const env = { FLEETCA_TOKEN: 'fca_env', FLEETCA_TOKEN_FILE: 'other' };
    expect((await read({ tokenFile: 'other' }, env)).token).toBe('fca_other');
    expect((await read({}, env)).token).toBe('fca_env');
    expect((await read({}, { FLEETCA_TOKEN_FILE: 'other' })).token).toBe('fca_other');
    expect((await read({})).token).toBe('fca_admin');
  });

  it('is none where the data folder has none, but a named file must be there', async () => {
    const empty = scratchFolder();
    expect((await read({}, {}, empty)).token).toBeNull();
    expect(await refused(read({ tokenFile: 'missing' }, {}, empty))).toBe('usage');
    expect(await refused(read({}, { FLEETCA_TOKEN_FILE: 'missing' }, empty))).toBe('usage');
  });

  it('has no line break in it, which would become a header of its own', async () => {
    expect(await refused(read({ tokenFile: 'two' }, {}, scratchFolder({ two: 'fca_a\nX: y' })))).toBe(
      'usage',
    );
  });
});

describe('whom to trust', () => {
  it('is the CA of the data folder, and the system where there is none', async () => {
    const cwd = scratchFolder(FILES);
    expect((await read({}, {}, cwd)).trust).toEqual({
      kind: 'ca',
      file: join(cwd, 'keys/service-ca.crt'),
      pem: PEM,
    });
    expect((await read({}, {}, scratchFolder())).trust).toEqual({ kind: 'system' });
  });

  it('is the flag before the environment', async () => {
    const env = { FLEETCA_PIN: 'cd'.repeat(32) };
    expect((await read({ pin: PIN }, env)).trust).toEqual({ kind: 'pin', fingerprint: PIN });
    expect((await read({ caFile: 'ca.pem' }, env)).trust).toMatchObject({ kind: 'ca' });
    expect((await read({}, env)).trust).toEqual({ kind: 'pin', fingerprint: 'cd'.repeat(32) });
  });

  it('is said once, and by a file that holds a certificate', async () => {
    expect(await refused(read({ pin: PIN, caFile: 'ca.pem' }))).toBe('usage');
    expect(await refused(read({ caFile: 'missing' }))).toBe('usage');
    expect(await refused(read({ caFile: 'other' }))).toBe('usage');
  });

  it('takes a fingerprint as OpenSSL prints it, and nothing shorter', () => {
    expect(parsePin(`${'AB:'.repeat(31)}AB`)).toBe(PIN);
    expect(() => parsePin(PIN.slice(2))).toThrow(LocalFailure);
    expect(() => parsePin(`${PIN}00`)).toThrow(LocalFailure);
  });
});
