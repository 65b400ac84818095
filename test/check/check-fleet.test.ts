import { describe, expect, it } from 'vitest';
import { checkFleet, type FleetFacts } from '../../src/check/index.ts';
import { ca, constraints, crl, days, type Issued, NOW, pem, purposes, usage } from './certify.ts';
import { bundle, device, gatewayRoot, line, otherRoot, root } from './world.ts';

const authority = (name: string, kind: string, { der: _, ...rest }: Issued, more = {}) => ({
  name,
  kind,
  generation: 1,
  state: 'active',
  certificate: pem({ der: _, ...rest }),
  ...more,
});

const GOOD: FleetFacts = {
  name: 'cars',
  target: 'generic',
  gatewayUrl: 'https://gateway.example',
  gatewayRoot: pem(gatewayRoot),
  authorities: [authority('root', 'root', root), authority('line-7', 'issuing', line)],
  published: pem(root, line),
  crls: crl(root) + crl(line),
  servers: [],
  bundles: [{ deviceId: 'one', files: bundle() }],
};

const said = (more: Partial<FleetFacts>): readonly string[] => {
  const { findings, verdict } = checkFleet({ ...GOOD, ...more }, NOW);
  expect(verdict).toBe(findings.some(({ severity }) => severity === 'fail') ? 'fail' : 'pass');
  return findings.map(({ severity, code, file }) => `${severity} ${code} ${file ?? '-'}`);
};

const soon = ca('line-8', { issuer: root, notAfter: days(100) });
const ended = ca('line-9', { issuer: root, notAfter: days(-1) });
const strange = ca('line-x', { issuer: otherRoot });
const manual = ca('manual', {
  extensions: [constraints(true), usage(['keyCertSign', 'cRLSign']), purposes(['serverAuth'])],
});
const mute = ca('mute', { extensions: [constraints(true), usage(['keyCertSign'])] });
const told = (state: string) => [
  { name: 'production', roots: [{ authority: 'root', generation: 1, state }] },
];
const withLine = (one: Issued, more = {}): Partial<FleetFacts> => ({
  authorities: [authority('root', 'root', root), authority('line', 'issuing', one, more)],
  published: pem(root, one),
  crls: crl(root) + crl(one),
  bundles: [],
});

describe('a check of a whole fleet', () => {
  it.each<readonly [string, Partial<FleetFacts>, readonly string[]]>([
    ['one in order', {}, []],
    ['an authority that ends soon', withLine(soon), ['warn fleet-authority-ends-soon line, generation 1']],
    ['an authority that expired', withLine(ended), ['fail ca-expired line, generation 1']],
    ['one that expired, and is retired', withLine(ended, { state: 'retired' }), ['note fleet-root-issues -']],
    ['an authority under another root', withLine(strange), ['fail fleet-link-broken line, generation 1']],
    [
      'an authority that is not published',
      { published: pem(root) },
      ['fail fleet-not-published line-7, generation 1'],
    ],
    [
      'a registration CA, which nobody is told of',
      { authorities: [...GOOD.authorities, authority('registration', 'registration', strange)] },
      [],
    ],
    [
      "a root of OTA Connect's manual",
      {
        authorities: [authority('root', 'root', manual)],
        published: pem(manual),
        crls: crl(manual),
        bundles: [],
      },
      [
        'fail root-purpose-client root, generation 1',
        'note ca-not-strict root, generation 1',
        'note fleet-root-issues -',
      ],
    ],
    [
      'a root that may not sign CRLs',
      {
        authorities: [authority('root', 'root', mute)],
        published: pem(mute),
        crls: null,
        bundles: [],
      },
      [
        'note root-no-crl-sign root, generation 1',
        'note ca-not-strict root, generation 1',
        'note fleet-root-issues -',
        'note fleet-no-crls -',
      ],
    ],
    ['a CRL that is not there', { crls: crl(root), bundles: [] }, ['fail fleet-crl-stale -']],
    [
      'a CRL that nobody made anew',
      { crls: crl(root) + crl(line, [], { from: -5, to: 2 }) },
      ['warn fleet-crl-stale -'],
    ],
    ['a device that was revoked', { crls: crl(root) + crl(line, [device]) }, ['fail fleet-bundle one']],
    ['no gateway', { gatewayUrl: null, gatewayRoot: null }, ['warn fleet-no-gateway -']],
    [
      'a gateway URL with a slash',
      { gatewayUrl: 'https://gateway.example/' },
      ['fail url-malformed gateway URL'],
    ],
    [
      'a gateway root that is the fleet root',
      { gatewayRoot: pem(root) },
      ['warn server-root-is-fleet-root gateway root'],
    ],
    ['a server that has confirmed', { servers: told('confirmed') }, []],
    [
      'a server that was handed the root',
      { servers: told('handed-over') },
      ['note fleet-server-unconfirmed production'],
    ],
    ['a server that was not', { servers: told('prepared') }, ['warn fleet-server-not-told production']],
    [
      'a bundle that would not work',
      { bundles: [{ deviceId: 'two', files: bundle({ 'gateway.url': 'http://x' }) }] },
      ['fail fleet-bundle two'],
    ],
    [
      'a bundle that the service does not make',
      { bundles: [{ deviceId: 'three', refusal: 'It is unfit.' }] },
      ['fail fleet-bundle three'],
    ],
  ])('says exactly what there is to say: %s', (_, more, due) => {
    expect(said(more)).toEqual(due);
  });

  it("says how often a gateway's hook has to run: at every third of a CRL's life", () => {
    const { outcome } = checkFleet(GOOD, NOW);
    expect(outcome.CRLs).toBe('2; the hook of a gateway runs at least every 56 hours');
  });
});
