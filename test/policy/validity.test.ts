import { describe, expect, it } from 'vitest';
import { PkiError } from '../../src/errors.ts';
import { planDeviceCertificate, prepareTbs } from '../../src/policy/index.ts';
import { parseTbs } from '../../src/x509/index.ts';
import { makeCsr } from '../support/csr.ts';
import { decide, deviceProfile } from '../support/decide.ts';
import { hierarchy, type TestAuthority } from '../support/hierarchy.ts';

const DAY = 86_400_000;
const start = new Date('2026-06-01T12:00:00.750Z');
const later = (days: number): Date => new Date(start.getTime() + days * DAY);
const { authority } = hierarchy(start);
const root = await authority('generic', 'fleet-root', 'demo');

function plan(now: Date, notAfter: Date | null = null, issuer: TestAuthority = root) {
  const grant = decide(makeCsr({ deviceId: 'device-1' }));
  if (grant instanceof PkiError) throw grant;
  const { granted, request } = grant.content;
  const serial = Buffer.alloc(16, 0x42);
  const publicKey = request.csr.publicKey;
  return planDeviceCertificate({
    profile: deviceProfile(),
    deviceId: 'device-1',
    publicKey,
    granted,
    issuer,
    serial,
    now,
    notAfter,
  });
}

const code = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return (error as PkiError).code;
  }
  return 'planned';
};

describe('validity', () => {
  it('is the profile’s 365 days in whole seconds, and begins 24 hours ago', () => {
    const { notBefore, notAfter } = plan(later(100)).content;
    expect(notAfter.toISOString()).toBe('2027-09-09T12:00:00.000Z');
    expect(notBefore.toISOString()).toBe('2026-09-08T12:00:00.000Z');
  });

  it('never begins before the issuer’s, whose own lies 48 hours back', () => {
    expect(root.certificate.notBefore.toISOString()).toBe('2026-05-30T12:00:00.000Z');
    expect(plan(new Date('2026-05-30T18:00:00Z')).content.notBefore).toEqual(root.certificate.notBefore);
  });

  it('is shortened to the issuer’s end, with a warning', () => {
    const near = plan(later(3600));
    expect(near.content.notAfter).toEqual(root.certificate.notAfter);
    expect(near.warnings).toHaveLength(1);
  });

  it('is refused as issuer-near-end with under 30 days left', () => {
    expect(code(() => plan(later(3619)))).toBe('planned');
    expect(code(() => plan(later(3621)))).toBe('issuer-near-end');
    expect(code(() => plan(later(4000)))).toBe('issuer-near-end');
  });

  it('that was asked for is taken as it is, or refused, never bent', () => {
    expect(plan(later(1), later(40)).content.notAfter.toISOString()).toBe('2026-07-11T12:00:00.000Z');
    expect(code(() => plan(later(1), later(3700)))).toBe('validity-exceeds-issuer');
    expect(code(() => plan(later(1), later(0.5)))).toBe('bad-request');
  });

  it('crosses from UTCTime to GeneralizedTime at 2050', async () => {
    const old = await hierarchy(new Date('2045-01-01T00:00:00Z')).authority('generic', 'fleet-root', 'demo');
    const hex = Buffer.from(old.certificate.tbs).toString('latin1');
    expect(hex).toContain('441230000000Z');
    expect(hex).toContain('20541230000000Z');
  });
});

describe('a TBS', () => {
  it('can be taken once, and by the issuer it was made for only', () => {
    const tbs = prepareTbs(plan(start));
    expect(() => tbs.takeFor(root.generationId + 1)).toThrow(/issuer/);
    expect(parseTbs(tbs.takeFor(root.generationId)).subject.rdns).toHaveLength(1);
    expect(() => tbs.takeFor(root.generationId)).toThrow(/twice/);
  });
});
