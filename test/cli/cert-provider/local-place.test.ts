import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openLocalPlace } from '../../../src/cli/cert-provider/local-place.ts';
import { LocalFailure } from '../../../src/cli/local-failure.ts';
import { seededRandom } from '../../support/fixed.ts';
import { scratchFolder } from '../scratch.ts';

const KEY = '/var/sota/import/pkey.pem';
const CERTIFICATE = '/var/sota/import/client.pem';
const URL = '/etc/sota/gateway.url';
const PATHS = [KEY, CERTIFICATE, URL];
const FILES = [
  { path: KEY, content: 'key\n' },
  { path: CERTIFICATE, content: 'chain\n' },
  { path: URL, content: 'https://gw' },
];

const open = (root: string, paths = PATHS) => openLocalPlace(root, paths, seededRandom());

const everything = (root: string): readonly string[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => !statSync(join(root, name)).isDirectory())
    .sort();

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (failure) {
    if (failure instanceof LocalFailure) return failure.code;
    throw failure;
  }
  return 'taken';
};

it('files arrive under the folder by the names that the device has for them, 0600, and nothing beside them', async () => {
  const root = scratchFolder();
  const place = await open(root);
  await place.put(FILES);
  await place.close();
  expect(everything(root)).toEqual(PATHS.map((path) => path.slice(1)).sort());
  expect(PATHS.map((path) => readFileSync(join(root, path), 'latin1'))).toEqual(
    FILES.map(({ content }) => content),
  );
  expect(PATHS.map((path) => statSync(join(root, path)).mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
  expect(readdirSync(join(root, 'var/sota/import'))).toHaveLength(2);
});

it('files that are there already are replaced, whatever their mode, and a link is replaced by a file', async () => {
  const root = scratchFolder({ 'var/sota/import/pkey.pem': 'old key', elsewhere: 'untouched' });
  symlinkSync(join(root, 'elsewhere'), join(root, CERTIFICATE));
  const place = await open(root);
  await place.put(FILES);
  await place.close();
  expect(readFileSync(join(root, KEY), 'latin1')).toBe('key\n');
  expect(statSync(join(root, KEY)).mode & 0o777).toBe(0o600);
  expect(lstatSync(join(root, CERTIFICATE)).isSymbolicLink()).toBe(false);
  expect(readFileSync(join(root, 'elsewhere'), 'latin1')).toBe('untouched');
});

it('a place that was opened and never used leaves no trace', async () => {
  const root = scratchFolder();
  await (await open(root)).close();
  expect(readdirSync(root)).toEqual([]);
});

it('a folder where a file is due is refused before anything is written', async () => {
  const root = scratchFolder();
  mkdirSync(join(root, CERTIFICATE), { recursive: true });
  expect(await codeOf(open(root))).toBe('usage');
  expect(everything(root)).toEqual([]);
  expect(readdirSync(join(root, 'var/sota/import'))).toEqual(['client.pem']);
});

it('a file where a folder is due is refused, and the folders that were made go', async () => {
  const root = scratchFolder({ etc: 'a file' });
  expect(await codeOf(open(root))).toBe('usage');
  expect(readdirSync(root)).toEqual(['etc']);
});

it.skipIf(process.platform !== 'linux')(
  'a file system that takes no folders is refused, at once',
  async () => {
    expect(await codeOf(open('/proc/fleetca/deep'))).toBe('usage');
  },
);

it('where the last move fails, the moves before it are undone', async () => {
  const root = scratchFolder({ 'var/sota/import/pkey.pem': 'old key', 'var/sota/import/other': 'stays' });
  const place = await open(root);
  // Between the two steps somebody makes a folder of the last file's name.
  mkdirSync(join(root, URL));
  writeFileSync(join(root, URL, 'inside'), '');
  expect(await codeOf(place.put(FILES))).toBe('usage');
  await place.close();
  expect(everything(root)).toEqual([
    'etc/sota/gateway.url/inside',
    'var/sota/import/other',
    'var/sota/import/pkey.pem',
  ]);
  expect(readFileSync(join(root, KEY), 'latin1')).toBe('old key');
});
