import { describe, expect, it } from 'vitest';
import { encodePem } from '../../src/asn1/index.ts';
import {
  certificateRequestSchema,
  certificateRowSchema,
  fitJson,
  parseStrictJson,
  requestOfRow,
} from '../../src/enrollment/index.ts';
import { decodeCsr } from '../../src/x509/index.ts';
import { makeCsr } from '../support/csr.ts';
import { codeOf, refusalOf } from '../support/refusal.ts';

const der = makeCsr({ deviceId: 'device-1' });
const base64 = Buffer.from(der).toString('base64');
const pem = encodePem('CERTIFICATE REQUEST', der);

const requestOf = (row: object) => requestOfRow(fitJson(certificateRowSchema, row));
const codeOfRow = (row: object): string => codeOf(() => decodeCsr(requestOf({ csr: base64, ...row }).csr));

describe('the csr of a row', () => {
  it('is PEM or DER in base64, and both are the same request', () => {
    for (const csr of [base64, pem, pem.replaceAll('\n', '\r\n'), ` ${base64}\n`, `a request:\n${pem}`]) {
      expect(Buffer.compare(decodeCsr(requestOf({ csr }).csr), der)).toBe(0);
    }
  });

  const at = base64.search(/[A-Z]/);
  const wrong: Record<string, string> = {
    'is not base64': 'certificate',
    'is blank': '   ',
    'is base64url': base64.replaceAll('+', '-').replaceAll('/', '_').replace(/^..../, 'MI-_'),
    'lacks its padding': `${Buffer.from(der).subarray(0, 100).toString('base64').replaceAll('=', '')}`,
    'has a line break inside': `${base64.slice(0, 64)}\n${base64.slice(64)}`,
    'has pad bits that are set': 'MB==',
    'has a letter that only looks like one of the alphabet when its high octet is cut off': pem.replace(
      base64.slice(at, at + 1),
      String.fromCharCode(0x100 + base64.charCodeAt(at)),
    ),
  };
  for (const [what, csr] of Object.entries(wrong)) {
    it(`that ${what} is refused as bad-pem`, () => {
      expect(csr).not.toBe(base64);
      expect(codeOfRow({ csr })).toBe('bad-pem');
    });
  }

  it('does not show in the refusal', () => {
    const refusal = refusalOf(() => requestOf({ csr: 'c2VjcmV0*' }));
    expect(`${refusal?.message} ${JSON.stringify(refusal?.violations)}`).not.toContain('c2VjcmV0');
  });
});

describe('the fields of a row', () => {
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, 'x']));
  const good: Record<string, object> = {
    'nothing but the csr': {},
    'sixteen labels': { labels: many(16) },
    'no labels, said': { labels: {} },
    'a label with a name of 63 characters and a value of 256': {
      labels: { ['n'.repeat(63)]: 'v'.repeat(256) },
    },
    'a notAfter in UTC': { notAfter: '2027-01-01T00:00:00Z' },
    'a notAfter with an offset': { notAfter: '2027-01-01T00:00:00+02:00' },
    'a reason to supersede': { supersede: { reason: 'board replaced' } },
  };
  for (const [what, row] of Object.entries(good)) {
    it(`may be ${what}`, () => {
      expect(codeOfRow(row)).toBe('taken');
    });
  }

  const bad: Record<string, object> = {
    'a field that is not known': { deviceid: 'device-1' },
    'an authority, which is the whole lot’s': { authority: 'line-7' },
    'a csr that is a number': { csr: 7 },
    'an empty csr': { csr: '' },
    'a csr of more than 64 KiB': { csr: 'A'.repeat(65_540) },
    'an empty device ID': { deviceId: '' },
    'a device ID that is null': { deviceId: null },
    'a device ID with U+0000': { deviceId: 'a\0' },
    'a profile with U+0000': { profile: 'a\0' },
    'seventeen labels': { labels: many(17) },
    'a label with an empty name': { labels: { '': 'x' } },
    'a label with a name of 64 characters': { labels: { ['n'.repeat(64)]: 'x' } },
    'a label whose name begins with a dot': { labels: { '.a': 'x' } },
    'a label with a slash in its name': { labels: { 'a/b': 'x' } },
    'a label with an empty value': { labels: { a: '' } },
    'a label with a value of 257 characters': { labels: { a: 'v'.repeat(257) } },
    'a label with U+0000 in its value': { labels: { a: 'x\0' } },
    'a label that is a number': { labels: { a: 1 } },
    'labels that are a list': { labels: ['a'] },
    'a notAfter without a zone': { notAfter: '2027-01-01T00:00:00' },
    'a notAfter that is a date': { notAfter: '2027-01-01' },
    'a notAfter without its seconds': { notAfter: '2027-01-01T00:00Z' },
    'a notAfter that does not exist': { notAfter: '2027-02-30T00:00:00Z' },
    'a notAfter that is a number': { notAfter: 1_800_000_000 },
    'a supersede without its reason': { supersede: {} },
    'a supersede with an empty reason': { supersede: { reason: '' } },
    'a supersede that is only true': { supersede: true },
    'a supersede with more beside the reason': { supersede: { reason: 'x', force: true } },
  };
  for (const [what, row] of Object.entries(bad)) {
    it(`may not be ${what}`, () => {
      expect(codeOfRow(row)).toBe('bad-json');
    });
  }

  it('come out as the request, with null for what was not said', () => {
    expect(requestOf({ csr: base64 })).toEqual({
      csr: Buffer.from(der),
      deviceId: null,
      notAfter: null,
      labels: null,
      supersede: null,
    });
    const { notAfter, labels, supersede, deviceId } = requestOf({
      csr: base64,
      deviceId: 'device-1',
      notAfter: '2027-01-01T00:00:00+02:00',
      labels: { line: '7' },
      supersede: { reason: 'board' },
    });
    expect(notAfter?.toISOString()).toBe('2026-12-31T22:00:00.000Z');
    expect([deviceId, labels, supersede]).toEqual(['device-1', { line: '7' }, { reason: 'board' }]);
  });

  it('of a single request may name the authority', () => {
    expect(fitJson(certificateRequestSchema, { csr: base64, authority: 'line-7' }).authority).toBe('line-7');
    expect(codeOf(() => fitJson(certificateRequestSchema, { csr: base64, authority: '' }))).toBe('bad-json');
  });
});

describe('violations', () => {
  it('name each field that does not fit by a JSON pointer', () => {
    const row = { csr: base64, deviceId: '', labels: { ok: 'x', 'a/b~c': 'x', fine: 1 } };
    const at = refusalOf(() => requestOf(row))?.violations.map((violation) => violation.at);
    expect(at?.toSorted()).toEqual(['/deviceId', '/labels/a~1b~0c', '/labels/fine']);
  });

  it('are bounded, however many fields do not fit and however long their names are', () => {
    const labels = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`-${i}`, 'x']));
    const refusal = refusalOf(() => requestOf({ csr: base64, labels }));
    expect(JSON.stringify(refusal?.violations).length).toBeLessThan(8_000);
    const strange = refusalOf(() => requestOf({ csr: base64, ['x'.repeat(60_000)]: 1 }));
    expect(JSON.stringify(strange?.violations).length).toBeLessThan(2_000);
    expect(strange?.message.length).toBeLessThan(1_000);
  });

  it('are given for what is no object at all', () => {
    for (const json of ['null', '[]', '"csr"', '7']) {
      const refusal = refusalOf(() => fitJson(certificateRowSchema, parseStrictJson(json)));
      expect([refusal?.code, refusal?.violations.length]).toEqual(['bad-json', 1]);
    }
  });
});
