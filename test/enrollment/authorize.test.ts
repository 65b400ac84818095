import { sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import type { CertificateRequest, Grant, Requester } from '../../src/enrollment/index.ts';
import { PkiError } from '../../src/errors.ts';
import type { TargetName } from '../../src/policy/index.ts';
import {
  assembleCsr,
  digestOf,
  type Extension,
  encodeBasicConstraints,
  encodeCsrInfo,
  encodeKeyUsage,
  encodeSubjectAltName,
} from '../../src/x509/index.ts';
import { makeCsr, makeKey } from '../support/csr.ts';
import { decide, station } from '../support/decide.ts';

const p256 = makeKey();
const ed25519 = makeKey('ed25519');
const asCa: Extension = {
  oid: OID.basicConstraints,
  critical: true,
  value: encodeBasicConstraints({ ca: true, pathLength: null }),
};
const csr = makeCsr({ deviceId: 'device-1', key: p256 });

function granted(
  request: Uint8Array,
  more: Partial<CertificateRequest> = {},
  requester?: Requester,
): Grant['content'] {
  const outcome = decide(request, more, 'generic', requester);
  if (outcome instanceof PkiError) throw outcome;
  return outcome.content;
}

const codeOf = (
  request: Uint8Array,
  more?: Partial<CertificateRequest>,
  requester?: Requester,
  target?: TargetName,
): string => {
  const outcome = decide(request, more, target, requester);
  return outcome instanceof PkiError ? outcome.code : 'granted';
};

describe('the first fault is the answer', () => {
  /** A request with every fault that is named. */
  function faulty(faults: { key?: true; proof?: true; name?: true; extension?: true }): Uint8Array {
    const key = faults.key ? ed25519 : p256;
    const info = encodeCsrInfo({
      subject: [{ type: OID.commonName, value: faults.name ? 'a/b' : 'device-1' }],
      publicKey: key.spki,
      extensions: faults.extension ? [asCa] : [],
    });
    const signature = sign(
      digestOf(key.algorithm),
      faults.proof ? Buffer.from('other') : info,
      key.privateKey,
    );
    return assembleCsr(info, key.algorithm, signature);
  }
  const deviceId = 'device-2';
  const supersede = { reason: 'x' };
  const everything = { key: true, proof: true, name: true, extension: true } as const;
  const asked = { deviceId, supersede };
  const code = (request: Uint8Array, more: Partial<CertificateRequest>, requester?: Requester) =>
    codeOf(request, more, requester, 'ota-connect');

  it('whether the requester may ask in this fleet comes first, before a single octet is read', () => {
    for (const stranger of [
      { ...station, fleet: 'other' },
      { ...station, role: 'admin', fleet: null },
      { ...station, role: 'auditor', fleet: null },
    ] as const) {
      expect(code(Buffer.from('nonsense'), asked, stranger)).toBe('not-found');
    }
  });

  it('then form, key, proof, name, device ID of the call, extensions, and the right to supersede', () => {
    const cut = faulty(everything).subarray(0, -1);
    expect(code(cut, asked)).toBe('bad-der');
    expect(code(faulty(everything), asked)).toBe('algorithm-not-allowed');
    expect(code(faulty({ ...everything, key: undefined as never }), asked)).toBe('bad-signature');
    expect(code(faulty({ name: true, extension: true }), asked)).toBe('bad-device-id');
    expect(code(faulty({ extension: true }), asked)).toBe('device-id-mismatch');
    expect(code(faulty({ extension: true }), { supersede })).toBe('extension-not-granted');
    expect(code(faulty({}), { supersede })).toBe('not-found');
    expect(code(faulty({}), {})).toBe('granted');
  });
});

describe('the device ID of the call', () => {
  it('may be left out, or be the common name to the letter', () => {
    expect(granted(csr).deviceId).toBe('device-1');
    expect(granted(csr, { deviceId: 'device-1' }).deviceId).toBe('device-1');
    for (const deviceId of ['device-2', 'Device-1', 'device-1 ', '', 'ｄevice-1']) {
      expect(codeOf(csr, { deviceId })).toBe('device-id-mismatch');
    }
  });

  it('is granted as it is, with its folded form beside it', () => {
    const { deviceId, foldedId } = granted(makeCsr({ deviceId: 'Straße Nº1', key: p256 }));
    expect([deviceId, foldedId]).toEqual(['Straße Nº1', 'strasse no1']);
  });
});

describe('superseding', () => {
  const supersede = { reason: 'board replaced' };

  it('is refused to a station without the right, and nothing tells whether there is something to supersede', () => {
    expect(codeOf(csr, { supersede })).toBe('not-found');
    expect(() => granted(csr, { supersede })).toThrow(/^A token of role station may not supersede: /);
  });

  it('is granted to a station with the right, and to role security', () => {
    expect(granted(csr, { supersede }, { ...station, rights: ['supersede'] }).supersede).toBe(
      'board replaced',
    );
    expect(granted(csr, { supersede }, { ...station, role: 'security', fleet: null }).supersede).toBe(
      'board replaced',
    );
  });

  it('is not granted to who did not ask for it, whatever the right', () => {
    expect(granted(csr, {}, { ...station, rights: ['supersede'] }).supersede).toBeNull();
  });
});

describe('labels', () => {
  it('that are equal are equal text, in whatever order they came', () => {
    const one = granted(csr, { labels: { b: '1', a: '2', '10': 'x', '9': 'y' } }).labels;
    const other = granted(csr, { labels: { '9': 'y', a: '2', '10': 'x', b: '1' } }).labels;
    expect(one).toBe(other);
    expect(JSON.parse(one ?? '')).toEqual({ a: '2', b: '1', '9': 'y', '10': 'x' });
  });

  it('that were not named are not the same as none', () => {
    expect(granted(csr).labels).toBeNull();
    expect(granted(csr, { labels: {} }).labels).toBe('{}');
  });
});

describe('warnings', () => {
  it('are empty for a plain request', () => {
    expect(granted(csr).warnings).toEqual([]);
  });

  it('name what was left out of the subject, once each, and what was ignored of the extensions', () => {
    const request = makeCsr({
      deviceId: 'device-1',
      key: p256,
      more: [
        { type: OID.organizationName, value: 'Acme' },
        { type: OID.organizationalUnitName, value: 'a' },
        { type: OID.organizationalUnitName, value: 'b' },
        { type: '1.2.3.4', value: 'x' },
      ],
      extensions: [
        { oid: OID.keyUsage, critical: true, value: encodeKeyUsage(['digitalSignature']) },
        { oid: OID.subjectAltName, critical: false, value: encodeSubjectAltName(['device-1']) },
      ],
    });
    const [subject, usage, names, ...more] = granted(request).warnings;
    expect(subject).toContain('O, OU, 1.2.3.4');
    expect(usage).toContain('keyUsage');
    expect(names).toContain('subjectAltName');
    expect(more).toEqual([]);
  });
});

describe('a grant', () => {
  it('carries the request that it proved, and nothing bent', () => {
    const notAfter = new Date('2026-12-24T18:00:00.500Z');
    const content = granted(csr, { notAfter });
    expect(Buffer.compare(content.request.csr.der, csr)).toBe(0);
    expect(content.request.isProven).toBe(true);
    expect(content.notAfter).toBe(notAfter);
    expect(content.requester).toBe(station);
  });
});
