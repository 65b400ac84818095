import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  decrypt,
  encrypt,
  keepIn,
  keepNothing,
  type Manifest,
  readBackup,
  writeBackup,
} from '../../src/backup/index.ts';
import { encodeTarEntry, padTarEntry, TAR_END } from '../../src/bundle/index.ts';

const work = mkdtempSync(join(tmpdir(), 'fleetca-backup-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const FACTS: Omit<Manifest, 'files'> = {
  format: 'fleetca-backup',
  version: 1,
  program: '0.1.0',
  engine: 'sqlite',
  copiedAt: '2026-06-01T12:00:00.000Z',
  ledger: { entries: 7, head: 'ab', fleets: 1 },
  keysInTokens: [],
  passphrase: 'included',
};
/** Longer than a tar's name field, as a key's file may be called. */
const LONG = `keys/${'k'.repeat(150)}.pem`;
const database = Buffer.alloc(300_000, 'database');

let identity: string;
let recipient: string;
let whole: Buffer;

async function* pieces(octets: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

async function gather(octets: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of octets) all.push(piece);
  return Buffer.concat(all);
}

const read = (octets: Uint8Array, keep = keepNothing) =>
  readBackup(decrypt(pieces(octets), { identities: [identity] }), keep);

beforeAll(async () => {
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
  writeFileSync(join(work, 'a'), database);
  writeFileSync(join(work, 'b'), '');
  const sources = [
    { from: join(work, 'b'), path: LONG },
    { from: join(work, 'a'), path: 'db/fleetca.sqlite' },
  ];
  whole = await gather(
    encrypt(
      writeBackup(sources, FACTS, () => undefined),
      { recipients: [recipient] },
    ),
  );
});

it('what was written is read again: files, sizes, digests, names of any length', async () => {
  const folder = join(work, 'out');
  const manifest = await read(whole, keepIn(folder));
  expect(manifest).toEqual({
    ...FACTS,
    files: [
      { path: LONG, size: 0, sha256: createHash('sha256').digest('hex') },
      {
        path: 'db/fleetca.sqlite',
        size: 300_000,
        sha256: createHash('sha256').update(database).digest('hex'),
      },
    ],
  });
  expect(readFileSync(join(folder, 'db/fleetca.sqlite')).equals(database)).toBe(true);
  expect(statSync(join(folder, LONG)).mode & 0o777).toBe(0o600);
  expect(whole.includes('database')).toBe(false);
});

it.each([0, 30, 500, 100_000, 250_000])('a changed octet at %i is refused', async (at) => {
  const changed = Buffer.from(whole);
  changed[at] = (changed[at] ?? 0) ^ 1;
  await expect(read(changed)).rejects.toMatchObject({ name: 'BackupError' });
});

it.each([1, 1_000, 200_000])('one that is cut off by %i octets is refused', async (by) => {
  await expect(read(whole.subarray(0, whole.length - by))).rejects.toMatchObject({ name: 'BackupError' });
});

it('one that is for another is refused, and says so', async () => {
  const other = await generateX25519Identity();
  const reading = readBackup(decrypt(pieces(whole), { identities: [other] }), keepNothing);
  await expect(reading).rejects.toThrow('another passphrase or identity');
});

/** What somebody with the recipient, which is no secret, could have made. */
async function forged(path: string, files: Manifest['files']): Promise<Buffer> {
  const at = new Date(0);
  const manifest = Buffer.from(JSON.stringify({ ...FACTS, files }));
  const tar = Buffer.concat([
    encodeTarEntry({ path, mode: 0o600, size: 3, modified: at }),
    Buffer.from('abc'),
    padTarEntry(3),
    encodeTarEntry({ path: 'manifest.json', mode: 0o600, size: manifest.length, modified: at }),
    manifest,
    padTarEntry(manifest.length),
    TAR_END,
  ]);
  return gather(encrypt(pieces(tar), { recipients: [recipient] }));
}

const sha256 = createHash('sha256').update('abc').digest('hex');

it.each(['../outside', 'keys/../../outside', '/outside'])('a file %s is not written', async (path) => {
  const octets = await forged(path, [{ path, size: 3, sha256 }]);
  await expect(read(octets, keepIn(join(work, 'in', 'ner')))).rejects.toMatchObject({ name: 'BackupError' });
  expect(existsSync(join(work, 'outside')) || existsSync(join(work, 'in', 'outside'))).toBe(false);
});

it('one that is not what its manifest says is refused', async () => {
  const other = await forged('a', [{ path: 'a', size: 3, sha256: '0'.repeat(64) }]);
  await expect(read(other)).rejects.toThrow('not what its manifest says');
  await expect(read(await forged('a', []))).rejects.toThrow('not what its manifest says');
});

it('a file of 8 GiB and more has its size in the header as other programs write it', () => {
  const header = Buffer.from(
    encodeTarEntry({ path: 'big', mode: 0o600, size: 10 * 2 ** 30, modified: new Date(0) }),
  );
  expect(header.subarray(124, 136).toString('hex')).toBe('800000000000000280000000');
});
