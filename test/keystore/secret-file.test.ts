import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeSecretFile } from '../../src/keystore/index.ts';
import { modeOf, scratchFolder } from './scratch.ts';

test('a secret file is 0600, and nothing is left beside it', async () => {
  const folder = scratchFolder();
  const path = join(folder, 'admin-token');
  await writeSecretFile(path, 'canary');
  expect(modeOf(path)).toBe('600');
  expect(readFileSync(path, 'utf8')).toBe('canary');
  expect(readdirSync(folder)).toEqual(['admin-token']);
});

test('a path that is taken is never overwritten', async () => {
  const folder = scratchFolder();
  const path = join(folder, 'a');
  await writeSecretFile(path, 'first');
  await expect(writeSecretFile(path, 'second')).rejects.toMatchObject({ code: 'EEXIST' });
  expect(readFileSync(path, 'utf8')).toBe('first');
  expect(readdirSync(folder)).toEqual(['a']);
});

test('of ten writers of one path, one wins whole', async () => {
  const folder = scratchFolder();
  const path = join(folder, 'a');
  const texts = Array.from({ length: 10 }, (_, i) => String(i).repeat(5000));
  const results = await Promise.allSettled(texts.map((text) => writeSecretFile(path, text)));
  const winner = results.findIndex(({ status }) => status === 'fulfilled');
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(readFileSync(path, 'utf8')).toBe(texts[winner]);
  expect(readdirSync(folder)).toEqual(['a']);
});

test('what a crash left beside it is passed over, and not written into', async () => {
  const folder = scratchFolder();
  const left = join(folder, '.a.0.new');
  writeFileSync(left, 'half');
  await writeSecretFile(join(folder, 'a'), 'whole');
  expect(readFileSync(left, 'utf8')).toBe('half');
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('whole');
});

test('a folder that is not there is an error, and not made', async () => {
  await expect(writeSecretFile(join(scratchFolder(), 'x', 'a'), '')).rejects.toMatchObject({
    code: 'ENOENT',
  });
});
