import { describe, expect, it } from 'vitest';
import { parsePem } from '../../src/asn1/index.ts';
import { checkBundle } from '../../src/check/index.ts';
import { parseForeignCertificate, parseForeignCrl } from '../../src/x509/index.ts';
import { CATALOGUE, type Case } from './catalogue.ts';
import { CATALOGUE_ROWS } from './catalogue-rows.ts';
import { NOW } from './certify.ts';
import { root } from './world.ts';

const judge = ({ files, trust = [root], crls = '', target = 'generic', passphrase = '' }: Case) =>
  checkBundle({
    files,
    target,
    trust: trust?.map(({ der }) => parseForeignCertificate(der)) ?? null,
    crls: parsePem(crls).map((block) => parseForeignCrl(block.der)),
    passphrase,
    now: NOW,
  }).report;

describe('a check of a bundle', () => {
  it.each(CATALOGUE.map((one) => [one.title, one] as const))(
    'says exactly what there is to say: %s',
    (_, one) => {
      const { findings, verdict } = judge(one);
      expect(findings.map(({ severity, code }) => `${severity} ${code}`).toSorted()).toEqual(
        one.says.toSorted(),
      );
      expect(verdict).toBe(one.says.some((said) => said.startsWith('fail')) ? 'fail' : 'pass');
    },
  );

  it.each(CATALOGUE_ROWS.map((one) => [one.row, one] as const))(
    'comes to the outcome that was measured: section %s',
    (_, { titles, isOnline }) => {
      const verdicts = titles.map((title) => {
        const one = CATALOGUE.find((each) => each.title === title);
        return [title, one && judge(one).verdict];
      });
      const due = isOnline ? 'pass' : 'fail';
      const known = isOnline === null ? expect.stringMatching(/^(?:pass|fail)$/) : due;
      expect(verdicts).toEqual(titles.map((title) => [title, known]));
    },
  );

  it('knows at least sixty, no two of one name', () => {
    expect(new Set(CATALOGUE.map(({ title }) => title)).size).toBe(CATALOGUE.length);
    expect(CATALOGUE.length).toBeGreaterThanOrEqual(60);
  });
});
