import { beforeAll, describe, expect, it } from 'vitest';
import type { Api } from '../../../src/cli/quickstart/api-client.ts';
import { makeDeviceKey } from '../../../src/cli/quickstart/device-key.ts';
import type { LotRow } from '../../../src/cli/quickstart/lot.ts';
import { type SentLot, sendLot } from '../../../src/cli/quickstart/send-lot.ts';

let lot: readonly LotRow[];

beforeAll(async () => {
  const key = await makeDeviceKey('P-256');
  lot = [
    { deviceId: 'a', key, line: '{}', fault: null },
    { deviceId: 'b', key, line: '{}', fault: { title: 'a short key', code: 'weak-key' } },
  ];
});

const issued = (row: number) => ({ row, deviceId: 'a', status: 'issued', serial: '01', certificate: 'PEM' });
const refused = (row: number, code: string, status = 'refused') => ({
  row,
  deviceId: 'b',
  status,
  problem: { code, title: 'title', detail: 'detail' },
});
const end = { summary: { batch: 'b-1', rows: 2, issued: 1, refused: 1, chain: 'CHAIN' } };

/** A service that answers with these lines. */
function answering(...answer: readonly object[]): Promise<SentLot> {
  const api: Api = {
    call: () => Promise.reject(new Error('not here')),
    exchange: async function* () {
      for (const line of answer) yield JSON.stringify(line);
    },
    close: () => undefined,
  };
  return sendLot(api, 'token', lot, new AbortController().signal);
}

describe('the outcomes of a lot, held against the plan', () => {
  it('as planned: no surprises', async () => {
    const sent = await answering(issued(1), refused(2, 'weak-key'), end);
    expect(sent.surprises).toEqual([]);
    expect(sent.chain).toBe('CHAIN');
    expect(sent.issued.map(({ lotRow }) => lotRow.deviceId)).toEqual(['a']);
    expect(sent.refused).toMatchObject([{ row: 2, code: 'weak-key', expected: 'weak-key' }]);
  });

  for (const [title, first, second] of [
    ['a good row that is refused', refused(1, 'bad-signature'), refused(2, 'weak-key')],
    ['a faulty row that is issued', issued(1), issued(2)],
    ['a faulty row that is refused with another code', issued(1), refused(2, 'bad-key')],
    ['a row on which the service failed', issued(1), refused(2, 'weak-key', 'failed')],
    ['a good row that was there before', { ...issued(1), status: 'replayed' }, refused(2, 'weak-key')],
  ] as const) {
    it(`${title} is a surprise`, async () => {
      const { surprises } = await answering(first, second, end);
      expect(surprises).toHaveLength(1);
    });
  }

  it('an answer without its summary, or with a row left out, is not whole', async () => {
    await expect(answering(issued(1), refused(2, 'weak-key'))).rejects.toThrow('not whole');
    await expect(answering(issued(1), end)).rejects.toThrow('not whole');
    await expect(answering(refused(2, 'weak-key'), end)).rejects.toThrow('is of row 2');
  });
});
