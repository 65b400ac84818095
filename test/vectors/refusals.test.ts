import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decide } from '../support/decide.ts';

interface Vector {
  readonly file: string;
  readonly expect: 'issued' | 'refused';
  readonly code?: string;
  readonly alsoCodes?: readonly string[];
  readonly warnings?: number;
  readonly deviceId?: string;
  readonly why: string;
  /** What must be on record, or in the call, before the refusal shows: judged in the flows. */
  readonly given?: { readonly deviceId?: string };
}

const read = (path: string): Buffer => readFileSync(new URL(path, import.meta.url));
const vectors: readonly Vector[] = JSON.parse(read('manifest.json').toString('utf8'));

describe('our own requests', () => {
  for (const vector of vectors.filter(({ given }) => given === undefined)) {
    it(`${vector.file}: ${vector.expect}${vector.code ? ` as ${vector.code}` : ''} (${vector.why})`, () => {
      const outcome = decide(read(`csr/${vector.file}`));
      if (vector.expect === 'issued') {
        expect('code' in outcome ? outcome.code : 'granted').toBe('granted');
        if ('code' in outcome) return;
        expect(outcome.content.deviceId).toBe(vector.deviceId);
        if (vector.warnings !== undefined) expect(outcome.content.warnings).toHaveLength(vector.warnings);
      } else {
        expect('code' in outcome ? outcome.code : 'granted').toBeOneOf([
          vector.code,
          ...(vector.alsoCodes ?? []),
        ]);
      }
    });
  }

  it('section 8, CN or UUID or device ID: those that name one device where the call names another are refused as device-id-mismatch', () => {
    const [vector] = vectors.filter(({ given }) => given?.deviceId !== undefined);
    const deviceId = vector?.given?.deviceId ?? null;
    expect(decide(read(`csr/${vector?.file}`), { deviceId })).toMatchObject({ code: 'device-id-mismatch' });
  });
});
