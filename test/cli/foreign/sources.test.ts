import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodePem } from '../../../src/asn1/index.ts';
import type { ForeignItem } from '../../../src/cli/foreign/item.ts';
import { readCsv } from '../../../src/cli/foreign/read-csv.ts';
import { readFolder } from '../../../src/cli/foreign/read-folder.ts';
import { readIndex } from '../../../src/cli/foreign/read-index.ts';
import { readVaultLines } from '../../../src/cli/foreign/read-lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleetca-sources-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: readonly string[]): string => join(folder, ...names);

/** Readers look at no certificate: any octets are one. */
const octets = (n: number): Uint8Array => new Uint8Array(64).fill(n);
const pem = (n: number): string => encodePem('CERTIFICATE', octets(n));

async function all(items: AsyncIterable<ForeignItem>): Promise<readonly ForeignItem[]> {
  const found: ForeignItem[] = [];
  for await (const item of items) found.push(item);
  return found;
}
const firstOctet = ({ certificates }: ForeignItem): number | undefined => certificates[0]?.[0];

describe('index.txt of openssl ca', () => {
  mkdirSync(at('ca/newcerts'), { recursive: true });
  for (const [i, serial] of ['01', '0a', '0B'].entries())
    writeFileSync(at('ca/newcerts', `${serial}.pem`), pem(i));
  mkdirSync(at('ca/newcerts/DD.pem'));
  const lines = [
    'V\t270101000000Z\t\t01\tunknown\t/CN=a',
    'R\t20510101000000Z\t250301120000Z,keyCompromise\t0A\tunknown\t/CN=b',
    'R\t270101000000Z\t491231235959Z\t0B\tunknown\t/CN=c',
    'R\t270101000000Z\t250301120000Z,holdInstruction,holdInstructionReject\t01\tunknown\t/CN=d',
    'R\t270101000000Z\tsoon\t01\tunknown\t/CN=e',
    'V\t270101000000Z\t\t0C\tunknown\t/CN=f',
    'R\t270101000000Z\t250231120000Z\t01\tunknown\t/CN=g',
    'V\t270101000000Z\t\tDD\tunknown\t/CN=h',
    'nonsense',
  ];
  writeFileSync(at('ca/index.txt'), `${lines.join('\n')}\n`);

  it('gives status, date and reason, and names what it cannot read', async () => {
    const items = await all(readIndex(at('ca')));
    expect(items.map(firstOctet)).toEqual([0, 1, 2, 0, 0, undefined, 0, undefined, undefined]);
    expect(items.map(({ revoked }) => revoked)).toEqual([
      null,
      { at: '2025-03-01T12:00:00Z', reason: 'keyCompromise' },
      { at: '2049-12-31T23:59:59Z', reason: 'unspecified' },
      { at: '2025-03-01T12:00:00Z', reason: 'unspecified' },
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(items.map(({ fault, note }) => fault ?? note)).toEqual([
      null,
      null,
      null,
      'revoked for holdInstruction, which is unspecified here',
      'is revoked at soon',
      'has no certificate: newcerts/0C.pem does not exist',
      'is revoked at 250231120000Z',
      'has no certificate: newcerts/DD.pem is no file',
      'is not a line of index.txt',
    ]);
    expect(items[8]?.origin).toBe('index.txt line 9 (serial ?)');
  });

  it('a folder without one is refused', async () => {
    await expect(all(readIndex(at('nowhere')))).rejects.toMatchObject({ code: 'usage' });
  });
});

it('a folder gives every certificate of every file below it', async () => {
  mkdirSync(at('certs/deep/er'), { recursive: true });
  writeFileSync(at('certs/one.DER'), octets(7));
  writeFileSync(
    at('certs/deep/er/chain.pem'),
    `text\n${encodePem('PRIVATE KEY', octets(9))}${pem(8)}${pem(9)}`,
  );
  writeFileSync(at('certs/deep/notes.txt'), pem(1));
  writeFileSync(at('certs/deep/empty.crt'), '');
  const items = await all(readFolder(at('certs')));
  expect(items.map(firstOctet).sort()).toEqual([7, 8, 9]);
  expect(items.map(({ origin }) => origin)).toContain(`${at('certs/deep/er/chain.pem')} (2 of 2)`);
});

describe('a CSV', () => {
  const csv = async (text: string): Promise<readonly ForeignItem[]> => {
    writeFileSync(at('fleet.csv'), text);
    return all(readCsv(at('fleet.csv')));
  };

  it('names files, or holds PEM or base64', async () => {
    writeFileSync(at('f.pem'), pem(3));
    const base64 = Buffer.from(octets(4)).toString('base64');
    const items = await csv(
      `Device_ID,certificate,other,status,revoked_at,reason\r\nd-1,f.pem,x,V,,\r\n,"${pem(5)}",x,revoked,2025-03-01T01:00:00+01:00,superseded\r\n,${base64},x,,,\r\n`,
    );
    expect(items.map(firstOctet)).toEqual([3, 5, 4]);
    expect(items[0]?.deviceId).toBe('d-1');
    expect(items[1]?.revoked).toEqual({ at: '2025-03-01T00:00:00.000Z', reason: 'superseded' });
  });

  it('names the records that say nothing', async () => {
    const items = await csv(
      'certificate,status,revoked_at\n,V,\nnone.pem,V,\nf.pem,lost,\nf.pem,R,yesterday\nf.pem,R,01/02/2025\n/dev/null,V,\n',
    );
    expect(items.map(({ fault }) => fault)).toEqual([
      'has no certificate',
      'names none.pem, which does not exist',
      'has the status lost',
      'is revoked at yesterday, which is not as RFC 3339 has it',
      'is revoked at 01/02/2025, which is not as RFC 3339 has it',
      'names /dev/null, which is no file',
    ]);
  });

  it('is refused without a column of certificates', async () => {
    await expect(csv('serial\n01\n')).rejects.toMatchObject({ code: 'usage' });
  });
});

it('Vault’s answers are read a line each, whole or as their data alone', async () => {
  const revoked = { data: { certificate: pem(2), revocation_time: 1_740_787_200 } };
  const never = { certificate: pem(1), revocation_time: 1e20 };
  const lines = [{ certificate: pem(1), revocation_time: 0 }, revoked, { data: {} }, never];
  writeFileSync(at('vault'), `${lines.map((line) => JSON.stringify(line)).join('\n')}\n\n{"cut\n`);
  const items = await all(readVaultLines(at('vault')));
  expect(items.map(firstOctet)).toEqual([1, 2, undefined, undefined, undefined]);
  expect(items[1]?.revoked).toEqual({ at: '2025-03-01T00:00:00.000Z', reason: 'unspecified' });
  expect(items.slice(2).map(({ fault }) => fault)).toEqual([
    'is not a certificate as Vault gives it',
    'is not a certificate as Vault gives it',
    'is not JSON',
  ]);
});
