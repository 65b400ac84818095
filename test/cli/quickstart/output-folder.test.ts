import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  MADE_BY,
  SUMMARY_FILE,
  stageFolder,
  verifyReplaceable,
} from '../../../src/cli/quickstart/output-folder.ts';

let base: string;
let out: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'fleetca-out-'));
  out = join(base, 'quickstart-out');
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function publish(file: string): Promise<void> {
  const staging = await stageFolder(out);
  await staging.write(`devices/a/${file}`, 'content');
  await staging.write(SUMMARY_FILE, JSON.stringify({ madeBy: MADE_BY }));
  await staging.publish();
  await staging.discard();
}

const modeOf = async (path: string): Promise<number> => (await stat(join(out, path))).mode & 0o777;

describe('the folder for the results', () => {
  it('appears whole, with folders 0700 and files 0600', async () => {
    await publish('client.pem');
    expect(await readdir(base)).toEqual(['quickstart-out']);
    expect(await Promise.all(['', 'devices', 'devices/a'].map(modeOf))).toEqual([0o700, 0o700, 0o700]);
    expect(await Promise.all(['devices/a/client.pem', SUMMARY_FILE].map(modeOf))).toEqual([0o600, 0o600]);
  });

  it('of an earlier quickstart is replaced, and nothing of it stays', async () => {
    await publish('old.pem');
    await publish('new.pem');
    expect(await readdir(join(out, 'devices/a'))).toEqual(['new.pem']);
    expect(await readdir(base)).toEqual(['quickstart-out']);
  });

  it('that is empty is used', async () => {
    await mkdir(out);
    await publish('client.pem');
    expect(await readdir(join(out, 'devices'))).toEqual(['a']);
  });

  for (const [title, make] of [
    ['holds something else', (path: string) => writeFile(join(path, 'thesis.tex'), 'years of work')],
    ['holds a summary.json of another program', (path: string) => writeFile(join(path, SUMMARY_FILE), '{}')],
    ['holds a summary.json that is no JSON', (path: string) => writeFile(join(path, SUMMARY_FILE), 'madeBy')],
  ] as const) {
    it(`that ${title} is refused and left alone`, async () => {
      await mkdir(out);
      await make(out);
      const before = await readdir(out);
      await expect(verifyReplaceable(out)).rejects.toMatchObject({ code: 'usage' });
      await expect(publish('client.pem')).rejects.toMatchObject({ code: 'usage' });
      expect(await readdir(out)).toEqual(before);
    });
  }

  it('that is a file or a link is refused', async () => {
    await writeFile(out, 'a file');
    await expect(verifyReplaceable(out)).rejects.toMatchObject({ code: 'usage' });
    expect(await readFile(out, 'utf8')).toBe('a file');
    await symlink(base, join(base, 'link'));
    await expect(verifyReplaceable(join(base, 'link'))).rejects.toMatchObject({ code: 'usage' });
  });

  it('that was not published is taken away', async () => {
    const staging = await stageFolder(out);
    await staging.write('pkey.pem', 'secret');
    await staging.discard();
    expect(await readdir(base)).toEqual([]);
  });
});
