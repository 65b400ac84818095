import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { REFUSAL_CODES } from '../../src/errors.ts';
import type { Verdict } from './vector.ts';
import { buildFiles } from './vectors.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const read = (path: string): Buffer => readFileSync(join(here, path));
const manifest: readonly Verdict[] = JSON.parse(read('manifest.json').toString('utf8'));
const committed = ['csr', 'given'].flatMap((folder) =>
  readdirSync(join(here, folder)).map((file) => `${folder}/${file}`),
);
const built = buildFiles();

describe('the committed vectors', () => {
  test('are the files that the script makes, none missing and none besides', () => {
    expect([...committed, 'manifest.json'].sort()).toEqual([...built.keys()].sort());
  });

  test('hold the octets that the script makes', () => {
    const changed = [...built].filter(([path, bytes]) => !read(path).equals(bytes)).map(([path]) => path);
    expect(changed).toEqual([]);
  });

  test('stay below 400 kB', () => {
    const size = committed.reduce((sum, path) => sum + read(path).length, 0);
    expect(size).toBeLessThan(400_000);
  });
});

describe('the manifest', () => {
  const issued = manifest.filter((verdict) => verdict.expect === 'issued' && verdict.given === undefined);
  const refused = manifest.filter((verdict) => verdict.expect === 'refused');

  test('names codes of the closed set, for every refusal and for nothing else', () => {
    const known: ReadonlySet<string> = new Set(REFUSAL_CODES);
    const named = refused.flatMap(({ code, alsoCodes = [] }) => [code ?? 'none', ...alsoCodes]);
    expect(named.filter((code) => !known.has(code))).toEqual([]);
    expect(manifest.filter((v) => v.expect === 'issued' && (v.code ?? v.alsoCodes) !== undefined)).toEqual(
      [],
    );
  });

  test('gives every issued vector a device ID of its own, so that all fit into one fleet', () => {
    const folded = issued.map(({ deviceId = '' }) => deviceId.normalize('NFKC').toUpperCase());
    expect(folded).not.toContain('');
    expect(new Set(folded).size).toBe(folded.length);
  });

  test('names what must be given by files that exist, before the vector that needs them', () => {
    const seen = new Set<string>();
    for (const { file, given } of manifest) {
      for (const other of given?.issued ?? []) expect(seen).toContain(other);
      const authority = given?.authority;
      if (authority) expect(committed).toEqual(expect.arrayContaining(Object.values(authority)));
      seen.add(file);
    }
  });

  test.each([
    ...['bad-der', 'bad-pem', 'bad-csr', 'too-large'],
    ...['bad-signature', 'weak-signature', 'weak-key', 'broken-key', 'bad-key', 'curve-not-allowed'],
    ...['algorithm-not-allowed', 'subject-missing-cn', 'subject-several-cn', 'bad-device-id'],
    ...['device-id-mismatch', 'extension-not-granted', 'key-of-another-device', 'key-of-a-ca'],
    ...['device-has-other-key', 'device-id-twin'],
  ])('has a request that must be refused as %s', (code) => {
    expect(refused.some((verdict) => verdict.code === code)).toBe(true);
  });
});
