import { describe, expect, it } from 'vitest';
import { type CertProviderOptions, readMaker, unheeded } from '../../../src/cli/cert-provider/options.ts';
import { verifyDestination } from '../../../src/cli/cert-provider/ssh.ts';
import { LocalFailure } from '../../../src/cli/local-failure.ts';

const ca = { fleetCa: 'ca.pem', fleetCaKey: 'ca.key' };
const local = { local: 'out' };

const said = (act: () => unknown): string => {
  try {
    act();
  } catch (failure) {
    if (failure instanceof LocalFailure && failure.code === 'usage') return failure.message;
    throw failure;
  }
  return 'taken';
};
const judge = (options: CertProviderOptions): string => said(() => readMaker(options));

describe('options that belong together', () => {
  it('are --fleet-ca and --fleet-ca-key: both or neither', () => {
    expect(judge({ ...ca, ...local })).toBe('taken');
    expect(judge({ fleetCa: 'ca.pem', ...local })).toContain('give both');
    expect(judge({ fleetCaKey: 'ca.key', credentials: 'c.zip', ...local })).toContain('give both');
  });

  it('have older names: --device-ca and --device-ca-key', () => {
    expect(readMaker({ deviceCa: 'a', deviceCaKey: 'b', ...local })).toEqual({
      kind: 'fleet-ca',
      certificate: 'a',
      key: 'b',
    });
  });

  it('are at least one of -t and -l', () => {
    expect(judge(ca)).toContain('-t/--target');
    expect(judge({ ...ca, target: 'dev' })).toBe('taken');
    expect(judge({ ...ca, target: 'dev', ...local })).toBe('taken');
  });

  it('are -d or -g, not both', () => {
    expect(judge({ ...ca, ...local, directory: '/x', config: ['y'] })).toContain('give one');
  });

  it('include -c, unless there is a fleet CA and neither -r nor -u', () => {
    expect(judge(local)).toContain('-c/--credentials');
    expect(judge({ ...ca, ...local, rootCa: true })).toContain('-c/--credentials');
    expect(judge({ ...ca, ...local, serverUrl: true })).toContain('-c/--credentials');
    expect(judge({ ...ca, ...local, rootCa: true, serverUrl: true, credentials: 'c.zip' })).toBe('taken');
    expect(readMaker({ credentials: 'c.zip', ...local }).kind).toBe('server');
  });

  it('are --fleet or a CA of another, not both', () => {
    expect(judge({ fleet: 'demo', ...ca, ...local })).toContain('Give one');
    expect(judge({ fleet: 'demo', credentials: 'c.zip', ...local })).toContain('Give one');
    expect(readMaker({ fleet: 'demo', rootCa: true, ...local }).kind).toBe('service');
  });
});

it('options that the one who signs decides are named, not passed over in silence', () => {
  const all = { bits: 2048, days: 1, certificateC: 'DE', certificateSt: 'x', certificateO: 'y', ...local };
  expect(unheeded({ kind: 'fleet-ca', certificate: '', key: '' }, all)).toEqual([]);
  expect(unheeded({ kind: 'service', fleet: 'x' }, all)).toEqual([
    '--certificate-c',
    '--certificate-st',
    '--certificate-o',
  ]);
  expect(unheeded({ kind: 'server', credentials: '' }, all)).toHaveLength(5);
  expect(unheeded({ kind: 'server', credentials: '' }, local)).toEqual([]);
});

it.each(['-oProxyCommand=id', 'root@-oProxyCommand=id', 'a b', 'host\n', ''])(
  'a target that ssh could take for something else is refused: %j',
  (target) => {
    expect(said(() => verifyDestination(target))).toBe('The target is [user@]host.');
  },
);
