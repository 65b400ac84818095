import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodePem } from '../../src/asn1/index.ts';
import { readLines } from '../../src/cli/client/lines.ts';
import { requireCsr } from '../../src/cli/csr-file.ts';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { openLot } from '../../src/cli/lot.ts';
import { makeCsr, makeKey } from '../support/csr.ts';
import { scratchFolder } from './scratch.ts';

const key = makeKey();
const der = makeCsr({ deviceId: 'dev-1', key });
const pem = encodePem('CERTIFICATE REQUEST', der);

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function gather<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

async function open(source: string, count = false) {
  const said: string[] = [];
  const lot = await openLot(source, { count, say: (line) => said.push(line) });
  onTestFinished(() => lot.close());
  const text = Buffer.concat(await gather(lot.read())).toString();
  return { lot, said, text, rows: text.split('\n').slice(0, -1) };
}

describe('a folder of requests', () => {
  it('is a lot in order of name, PEM and DER alike', async () => {
    const folder = scratchFolder({
      'b.csr': pem,
      'a.der': der,
      'c.PEM': pem,
      'readme.txt': 'no',
      'd.csr.bak': pem,
    });
    const { lot, rows, said } = await open(folder);
    expect(rows.map((row) => JSON.parse(row))).toEqual([
      { csr: Buffer.from(der).toString('base64') },
      { csr: pem },
      { csr: pem },
    ]);
    expect([1, 2, 3].map(lot.fileOf)).toEqual(['a.der', 'b.csr', 'c.PEM']);
    expect(lot.rows).toBe(3);
    expect(said).toEqual([]);
  });

  it('never sends a private key, and says which request was left out for it', async () => {
    const folder = scratchFolder({ 'a.csr': key.pkcs8Pem + pem, 'b.pem': key.pkcs8Pem, 'c.csr': pem });
    const { lot, rows, said, text } = await open(folder);
    expect(rows).toHaveLength(1);
    expect(text).not.toContain('PRIVATE');
    expect(said).toHaveLength(2);
    expect(lot.leftOut()).toBe(2);
    expect(lot.fileOf(1)).toBe('c.csr');
  });

  it('passes over what is no request, such as certificates that lie beside', async () => {
    const folder = scratchFolder({ 'a.pem': encodePem('CERTIFICATE', der), 'b.der': '', 'c.csr': pem });
    const { lot, rows } = await open(folder);
    expect(rows).toHaveLength(1);
    expect(lot.leftOut()).toBe(0);
  });

  it('leaves out what is too large to be one', async () => {
    const folder = scratchFolder({ 'a.csr': pem + 'x'.repeat(70_000), 'b.csr': pem });
    const { lot, rows } = await open(folder);
    expect(rows).toHaveLength(1);
    expect(lot.leftOut()).toBe(1);
  });

  it('is refused where it holds none', async () => {
    await expect(
      openLot(scratchFolder({ a: '' }), { count: false, say: () => undefined }),
    ).rejects.toBeInstanceOf(LocalFailure);
  });
});

describe('a file of rows', () => {
  it('goes as it is, its lines counted where somebody watches', async () => {
    const text = '{"csr":"a"}\n\n{"csr":"b"}\n{"csr":"c"}';
    const path = join(scratchFolder({ 'lot.ndjson': text }), 'lot.ndjson');
    expect((await open(path, true)).lot.rows).toBe(3);
    expect(await open(path)).toMatchObject({ text, lot: { rows: null } });
  });

  // A regular file by its looks, whose first octet cannot be read.
  it.runIf(process.platform === 'linux')('is closed again where its lines cannot be counted', async () => {
    const unreadable = '/proc/self/mem';
    const openFiles = () =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).endsWith('/mem');
        } catch {
          return false;
        }
      });
    await expect(openLot(unreadable, { count: true, say: () => undefined })).rejects.toBeInstanceOf(Error);
    // A stream closes its file a moment after its failure.
    await expect.poll(openFiles).toEqual([]);
  });

  it('must be there', async () => {
    await expect(open('/nonexistent/lot.ndjson')).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('one request', () => {
  it('is PEM or DER, as it came', () => {
    expect(requireCsr(Buffer.from(pem), 'f')).toBe(pem);
    expect(requireCsr(der, 'f')).toBe(Buffer.from(der).toString('base64'));
  });

  it.each([
    ['with its key', key.pkcs8Pem + pem],
    ['of RSA with its key', `-----BEGIN RSA PRIVATE KEY-----\n${pem}`],
    ['that is a certificate', encodePem('CERTIFICATE', der)],
    ['that is empty', ''],
    ['that is too large', 'x'.repeat(65_537)],
  ])('%s stays here', (_what, content) => {
    expect(() => requireCsr(Buffer.from(content), 'f')).toThrow(LocalFailure);
  });
});

describe('lines of an answer', () => {
  it('come one by one, however they were cut', async () => {
    expect(await gather(readLines(pieces('{"a"', ':1}\n{"b":"', 'ü"}\n\n', '{}')))).toEqual([
      '{"a":1}',
      '{"b":"ü"}',
      '{}',
    ]);
    const octets = Buffer.from('ü\nä\n');
    const single = async function* () {
      for (const octet of octets) yield Uint8Array.of(octet);
    };
    expect(await gather(readLines(single()))).toEqual(['ü', 'ä']);
  });

  it('have an end', async () => {
    await expect(gather(readLines(pieces('x'.repeat(2_000_000))))).rejects.toMatchObject({
      code: 'service-defect',
    });
  });
});
