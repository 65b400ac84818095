import { describe, expect, it } from 'vitest';
import { answerDevice, requestWarning } from '../../src/gateway/index.ts';

const answer = (method: string, target: string) => answerDevice(method, target, 'VIN-0001');

describe('the paths of the gateway', () => {
  it.each([
    ['POST', '/director/ecus', 200],
    ['PUT', '/system_info', 200],
    ['PUT', '/core/installed', 200],
    ['PUT', '/system_info/network', 200],
    ['POST', '/system_info/config', 200],
    ['PUT', '/director/manifest', 200],
    ['GET', '/director/1.root.json', 404],
    ['GET', '/repo/1.root.json', 404],
    ['GET', '/treehub/objects/ab/cdef.commit', 404],
    ['POST', '/events', 200],
    ['GET', '/campaigner/campaigns', 200],
  ])('section 6, paths: %s %s is known, and answered with %i', (method, target, status) => {
    const { status: answered, route } = answer(method, target);
    expect([answered, typeof route]).toEqual([status, 'string']);
  });

  it('tell the device at / who it is taken for', () => {
    expect(answer('GET', '/').body).toBe('VIN-0001\n');
  });

  it('answer 405, with what is taken, to another method', () => {
    expect(answer('DELETE', '/director/ecus')).toMatchObject({ status: 405, allow: 'POST', route: null });
  });

  it('are literal: where gateway.url ends with a slash every path is doubled, and finds nothing', () => {
    expect(answer('POST', '//director/ecus')).toMatchObject({ status: 404, route: null });
    expect(requestWarning('//director/ecus')).toContain('gateway.url ends with a slash');
  });

  it('warn of a device that sends its configuration, and of no other report', () => {
    expect(requestWarning('/system_info/config')).toContain('report_config = false');
    expect(requestWarning('/system_info/network')).toBeUndefined();
  });
});
