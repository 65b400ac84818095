import { describe, expect, it } from 'vitest';
import { parseDeviceConfig, readDeviceConfig } from '../../../src/cli/cert-provider/device-config.ts';
import { pathsIn, pathsOf } from '../../../src/cli/cert-provider/device-paths.ts';
import { LocalFailure } from '../../../src/cli/local-failure.ts';
import { scratchFolder } from '../scratch.ts';

const parse = (text: string) => Object.fromEntries(parseDeviceConfig(text, 'sota.toml'));

const usageOf = async (act: () => unknown): Promise<string> => {
  try {
    await act();
  } catch (failure) {
    if (failure instanceof LocalFailure && failure.code === 'usage') return failure.message;
    throw failure;
  }
  return 'taken';
};

describe('a configuration, read as aktualizr reads it', () => {
  it('is INI: sections, key = value, quotes removed wherever they stand', () => {
    expect(
      parse('[import]\nbase_path = "/a b"\n  tls_pkey_path="k"ey".pem"\r\n[ tls ]\nx = y = "z" # no comment'),
    ).toEqual({
      'import.base_path': '/a b',
      'import.tls_pkey_path': 'key.pem',
      'tls.x': 'y = z # no comment',
    });
  });

  it('has comments at the start of a line, and empty lines', () => {
    expect(parse('; one\n  # two\n\n[a]\n#b = c\nd = 1\n')).toEqual({ 'a.d': '1' });
  });

  it.each([
    ['words', 'line 2: this is neither'],
    ['= value', 'line 2: this is neither'],
    ['[open', 'line 2: this is neither'],
    ['k = 1\nk = 2', 'line 3: a.k stands twice'],
    ['[a]', 'line 2: the section [a] stands twice'],
  ])('is refused where aktualizr would not start: %j', async (text, words) => {
    expect(await usageOf(() => parse(`[a]\n${text}`))).toContain(words);
  });
});

describe('-g/--config, repeated', () => {
  const read = async (...names: readonly string[]) => {
    const folder = scratchFolder({
      'b/10-first.toml': '[import]\nbase_path = first\ntls_pkey_path = one',
      'b/30-last.toml': '[import]\nbase_path = last',
      'b/.hidden.toml': 'what is not read may be anything',
      'b/readme.txt': 'nor this',
      'c/20-between.toml': '[import]\nbase_path = between\ntls_cacert_path = two',
      'c/30-last.toml': '[import]\nbase_path = instead',
      'single.ini': '[import]\nbase_path = single',
    });
    return Object.fromEntries(await readDeviceConfig(names.map((name) => `${folder}/${name}`)));
  };

  it('takes a file of any name, and the *.toml of a folder in the order of their names', async () => {
    expect(await read('single.ini')).toEqual({ 'import.base_path': 'single' });
    expect(await read('b')).toEqual({ 'import.base_path': 'last', 'import.tls_pkey_path': 'one' });
  });

  it('orders the files of all folders together; of two with one name the later given is read', async () => {
    expect(await read('c', 'b')).toMatchObject({
      'import.base_path': 'last',
      'import.tls_cacert_path': 'two',
    });
    expect(await read('b', 'c')).toMatchObject({ 'import.base_path': 'instead' });
  });

  it('refuses what is not there', async () => {
    expect(await usageOf(() => read('none'))).toMatch(/none does not exist/);
  });
});

describe('where files go', () => {
  const paths = (text: string) => pathsOf(parseDeviceConfig(text, 'x'));

  it('is /var/sota/import, or the directory of -d', () => {
    expect(pathsIn()).toEqual({
      privateKey: '/var/sota/import/pkey.pem',
      certificate: '/var/sota/import/client.pem',
      rootCa: '/var/sota/import/root.crt',
      serverUrl: '/var/sota/import/gateway.url',
    });
    expect(pathsIn('/var/sota/').privateKey).toBe('/var/sota/pkey.pem');
    expect(pathsIn('rel/x').privateKey).toBe('rel/x/pkey.pem');
  });

  it('takes names from import.*, then from storage.*, then those of aktualizr itself', () => {
    const text = '[import]\ntls_pkey_path = k\n[storage]\ntls_pkey_path = no\ntls_clientcert_path = c';
    expect(paths(text)).toEqual({
      privateKey: '/var/sota/import/k',
      certificate: '/var/sota/import/c',
      rootCa: '/var/sota/import/root.crt',
      serverUrl: '/var/sota/import/gateway.url',
    });
  });

  it('takes the folder from import.base_path, or from storage.path where that is set to nothing', () => {
    expect(paths('[import]\nbase_path = /a\n[storage]\npath = /b').privateKey).toBe('/a/pkey.pem');
    expect(paths('[import]\nbase_path = ""\n[storage]\npath = /b').privateKey).toBe('/b/pkey.pem');
    expect(paths('[import]\nbase_path =').privateKey).toBe('/var/sota/pkey.pem');
  });

  it('takes an absolute name as it is, and the URL from tls.server_url_path', () => {
    const text = '[tls]\nserver_url_path = "/etc/gw.url"\n[import]\ntls_cacert_path = /etc/ca/root.pem';
    expect(paths(text)).toMatchObject({ serverUrl: '/etc/gw.url', rootCa: '/etc/ca/root.pem' });
  });

  it('refuses what is no name for a file', async () => {
    expect(await usageOf(() => paths('[import]\ntls_pkey_path = a/'))).toContain('is no name');
    expect(await usageOf(() => pathsIn('a\nb'))).toContain('is no name');
  });
});
