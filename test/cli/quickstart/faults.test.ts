import { describe, expect, it } from 'vitest';
import { makeDeviceKey } from '../../../src/cli/quickstart/device-key.ts';
import { FAULTS, type Fault } from '../../../src/cli/quickstart/faults.ts';
import {
  certificateRowSchema,
  fitJson,
  parseStrictJson,
  requestOfRow,
} from '../../../src/enrollment/index.ts';
import { PkiError } from '../../../src/errors.ts';
import { decide } from '../../support/decide.ts';

/** What one request cannot show: these contradict what is on record. */
const CONFLICTS = ['key-of-another-device', 'device-has-other-key', 'device-id-twin'];

/** Step 1 on a row as the batch takes it: the code of its refusal, or `granted`. */
function judge(line: string): string {
  try {
    const { csr, ...request } = requestOfRow(fitJson(certificateRowSchema, parseStrictJson(line)));
    const judged = decide(csr, request, 'ota-connect');
    return judged instanceof PkiError ? judged.code : 'granted';
  } catch (refusal) {
    if (refusal instanceof PkiError) return refusal.code;
    throw refusal;
  }
}

async function lineOf(fault: Fault): Promise<string> {
  const earlier = { deviceId: 'WFCXXXXXX7L100001', key: await makeDeviceKey('P-256') };
  const key = await makeDeviceKey(fault.keyKind ?? 'P-256');
  return fault.line({ deviceId: 'WFCXXXXXX7L100017', key, earlier });
}

describe('the faults of a demo lot', () => {
  for (const fault of FAULTS.filter(({ code }) => !CONFLICTS.includes(code))) {
    it(`${fault.title}: refused as ${fault.code}, every time`, async () => {
      for (let round = 0; round < 3; round++) expect(judge(await lineOf(fault))).toBe(fault.code);
    });
  }

  for (const fault of FAULTS.filter(({ code }) => CONFLICTS.includes(code))) {
    it(`${fault.title}: right by itself, so that only the ledger can refuse it`, async () => {
      expect(judge(await lineOf(fault))).toBe('granted');
    });
  }

  it('are at most 50, and those that contradict an earlier row stand last', () => {
    const times = FAULTS.reduce((sum, fault) => sum + fault.times, 0);
    expect(times).toBeGreaterThanOrEqual(40);
    expect(times).toBeLessThanOrEqual(50);
    const first = FAULTS.findIndex(({ code }) => CONFLICTS.includes(code));
    expect(FAULTS.slice(first).every(({ code }) => CONFLICTS.includes(code))).toBe(true);
  });
});
