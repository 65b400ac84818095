import { conflictCases, givenFiles } from './cases-conflicts.ts';
import { derCases } from './cases-der.ts';
import { ecCases } from './cases-ec.ts';
import { extensionCases } from './cases-extensions.ts';
import { formCases } from './cases-form.ts';
import { goodCases } from './cases-good.ts';
import { otherKeyCases } from './cases-other-keys.ts';
import { pemCases } from './cases-pem.ts';
import { rsaCases } from './cases-rsa.ts';
import { signatureCases } from './cases-signatures.ts';
import { subjectCases } from './cases-subject.ts';
import type { Vector, Verdict } from './vector.ts';

/** Every vector, in the order of the manifest. The same octets each time, on every machine. */
const buildVectors = (): readonly Vector[] => [
  ...goodCases(),
  ...pemCases(),
  ...derCases(),
  ...formCases(),
  ...rsaCases(),
  ...ecCases(),
  ...otherKeyCases(),
  ...signatureCases(),
  ...subjectCases(),
  ...extensionCases(),
  ...conflictCases(),
];

const withoutEmpty = ({ alsoCodes = [], ...verdict }: Verdict): Verdict => {
  const { file, expect, code, ...rest } = verdict;
  const codes = { ...(code && { code }), ...(alsoCodes.length > 0 && { alsoCodes }) };
  return { file, expect, ...codes, ...rest };
};

/** JSON as the formatter of this repository leaves it: lists of words on one line. */
const manifestText = (verdicts: readonly Verdict[]): string =>
  `${JSON.stringify(verdicts, null, 2).replace(/\[\s*("[^\]{}]*")\s*\]/g, (_, words: string) => `[${words.replace(/\s*\n\s*/g, ' ')}]`)}\n`;

/** Every file that is committed, by its path below `test/vectors/`. Throws if two vectors share one. */
export function buildFiles(): ReadonlyMap<string, Buffer> {
  const vectors = buildVectors();
  const files = new Map(givenFiles());
  for (const { verdict, bytes } of vectors) {
    const path = `csr/${verdict.file}`;
    if (files.has(path)) throw new Error(`two vectors are called ${verdict.file}`);
    files.set(path, bytes);
  }
  files.set('manifest.json', Buffer.from(manifestText(vectors.map(({ verdict }) => withoutEmpty(verdict)))));
  return files;
}
