import { describe, expect, it } from 'vitest';
import { connectionFailure } from '../../src/cli/client/connection-failure.ts';
import { describeFailure } from '../../src/cli/failure-report.ts';
import { LocalFailure } from '../../src/cli/local-failure.ts';

const URL_ = new URL('https://ca.example.com:8443');
const explain = (code: string) => {
  const failure = connectionFailure(Object.assign(new Error(code), { code }), URL_, {
    kind: 'ca',
    file: '/data/keys/service-ca.crt',
    pem: '',
  });
  return { ...describeFailure(failure), failure };
};

describe('a connection that fails', () => {
  it.each([
    ['ECONNREFUSED', 'unreachable', 6],
    ['ENOTFOUND', 'unreachable', 6],
    ['ETIMEDOUT', 'unreachable', 6],
    ['EPROTO', 'unreachable', 6],
    ['ECONNRESET', 'cut-off', 6],
    ['ERR_STREAM_PREMATURE_CLOSE', 'cut-off', 6],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'untrusted', 4],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'untrusted', 4],
    ['CERT_HAS_EXPIRED', 'untrusted', 4],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'untrusted', 4],
  ])('with %s is told as %s, with what to do', (errno, code, exitStatus) => {
    const { hint, detail, ...rest } = explain(errno);
    expect(rest).toMatchObject({ code, exitStatus });
    expect(hint).toBeTruthy();
    expect(detail).toContain('https://ca.example.com:8443');
    expect(detail).not.toContain(errno);
  });

  it('names the file that was trusted', () => {
    expect(explain('SELF_SIGNED_CERT_IN_CHAIN').detail).toContain('/data/keys/service-ca.crt');
  });

  it('stays what it is where it is none', () => {
    const defect = new TypeError('a defect of ours');
    expect(connectionFailure(defect, URL_, { kind: 'system' })).toBe(defect);
    const known = new LocalFailure('usage', 'known');
    expect(connectionFailure(known, URL_, { kind: 'system' })).toBe(known);
  });
});
