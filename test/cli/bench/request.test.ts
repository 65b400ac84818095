import { describe, expect, it } from 'vitest';
import { encodeRow, makeRequest, parseRow } from '../../../src/cli/bench/request.ts';
import { parseCsr, proveCsr } from '../../../src/x509/index.ts';

describe('a request of the bench', () => {
  it('is one that the service takes, under the name that was asked for', () => {
    const csr = parseCsr(makeRequest('bulk-1-0-7'));
    expect(proveCsr(csr).isProven).toBe(true);
    expect(csr.publicKey.key).toEqual({ kind: 'ec', curve: 'P-256' });
  });

  it('comes back out of its row', () => {
    const der = makeRequest('a');
    const row = encodeRow(der);
    expect(row.endsWith('}\n')).toBe(true);
    expect(parseRow(row)).toEqual(Buffer.from(der));
  });
});
