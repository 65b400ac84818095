import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commonNameOf } from '../../src/policy/index.ts';
import { decide } from '../support/decide.ts';

/**
 * Requests that other projects use as tests. They are not ours to keep, so they lie beside the
 * checkout; where they do not, this says so.
 */
const folder = fileURLToPath(new URL('../../../shared/vectors/csr/', import.meta.url));
const present = existsSync(`${folder}manifest.tsv`);

interface Vector {
  readonly file: string;
  readonly expect: string;
  readonly strength: string;
  readonly why: string;
}

const vectors: readonly Vector[] = present
  ? readFileSync(`${folder}manifest.tsv`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t'))
      .map(([file = '', expected = '', strength = '', why = '']) => ({
        file,
        expect: expected,
        strength,
        why,
      }))
  : [];

/** Codes that say "this is no request at all"; a well-formed one may be refused, but never with these. */
const MALFORMED: ReadonlySet<string> = new Set([
  'bad-der',
  'bad-pem',
  'bad-csr',
  'bad-signature',
  'weak-signature',
]);

/**
 * SHOULD rows that come out otherwise, each explained in docs/divergences.md. A row that is listed
 * here and comes out as it should fails the test, so that the list stays true.
 */
const DIVERGENT: ReadonlySet<string> = new Set([]);

/** What came of a row; undefined where it is as the manifest asks. */
function fault(vector: Vector): string | undefined {
  const began = performance.now();
  const outcome = decide(readFileSync(folder + vector.file));
  const took = performance.now() - began;
  // A bound on work, not a measure of speed: the slowest takes some milliseconds.
  if (took > 1000) return `took ${took} ms`;
  const code = 'code' in outcome ? outcome.code : undefined;
  if (vector.expect === 'reject' && code === undefined) return 'was granted';
  if (vector.expect === 'accept' && code !== undefined && MALFORMED.has(code))
    return `was refused as ${code}`;
  if (vector.expect === 'never-honor' && !('code' in outcome)) {
    const { content } = outcome;
    const honoured = content.granted.purposes.length > 0 || content.granted.subjectAltName !== 'none';
    if (honoured || content.deviceId !== commonNameOf(content.request.csr)) return 'was honoured';
  }
  return undefined;
}

describe.skipIf(!present)('requests of other projects', () => {
  for (const vector of vectors) {
    it(`${vector.file}: ${vector.expect} (${vector.strength}: ${vector.why})`, () => {
      const found = fault(vector);
      if (DIVERGENT.has(vector.file)) expect(found).toBeDefined();
      else expect(found).toBeUndefined();
    });
  }
});

it(`the vectors of other projects ${present ? 'were read' : 'are not beside this checkout: not run'}`, () => {
  expect(vectors.length > 0).toBe(present);
});
