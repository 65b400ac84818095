import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openSpool } from '../../src/http/index.ts';
import { systemRandom } from '../../src/random.ts';
import { codeOfPromise } from '../support/refusal.ts';
import { mountSmall, unmountAll, whyNoMount } from './scratch-mount.ts';
import { cleanUp, makeFolder } from './service-process.ts';

afterEach(() => {
  unmountAll();
  cleanUp();
});

test('a zip that does not fit on the disk is refused as storage-full, and its room is free again', async ({
  skip,
}) => {
  const data = makeFolder();
  const why = whyNoMount(data);
  if (why !== undefined) skip(why);
  mountSmall(data, 4);
  const spool = await openSpool(join(data, 'tmp'), systemRandom);
  const upload = async function* (mebibytes: number): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < mebibytes; i++) yield Buffer.alloc(1024 * 1024, 1);
  };
  for (let i = 0; i < 5; i++) expect(await codeOfPromise(spool.take(upload(6)))).toBe('storage-full');
  expect(readdirSync(join(data, 'tmp'))).toEqual([]);
  const file = await spool.take(upload(2));
  expect(file.size).toBe(2 * 1024 * 1024);
  await file.close();
});
