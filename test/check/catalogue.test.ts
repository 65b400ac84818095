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

  it.each([
    ['a certificate in UTF-16', 'UTF-16'],
    ['a request in place of the certificate', 'it holds a certificate request'],
    ['the page of a download that failed', 'an HTML page'],
    ['a public key in place of the private one', 'it holds a public key'],
    ['an empty certificate', 'it holds nothing'],
    ['gateway.url in quotes', String.raw`"\"https://gateway.example\""`],
    ['gateway.url with a byte order mark', 'byte order mark'],
    ["the key of the gateway's root beside it", 'the CA CN=gateway root'],
  ])('says what was found in place of what is due: %s', (title, says) => {
    const one = CATALOGUE.find((each) => each.title === title) as Case;
    expect(judge(one).findings[0]?.message).toContain(says);
  });

  it('says in its headline that a bundle with the key of a CA must not go out', () => {
    const one = CATALOGUE.find(({ title }) => title === "the key of the gateway's root beside it") as Case;
    expect(judge(one).headline).toContain('must not go out');
  });

  it('knows at least sixty, no two of one name', () => {
    expect(new Set(CATALOGUE.map(({ title }) => title)).size).toBe(CATALOGUE.length);
    expect(CATALOGUE.length).toBeGreaterThanOrEqual(60);
  });
});
