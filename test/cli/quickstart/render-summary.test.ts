import { describe, expect, it } from 'vitest';
import { renderSummary } from '../../../src/cli/quickstart/render-summary.ts';
import type { Summary } from '../../../src/cli/quickstart/summary.ts';
import { packageRoot } from '../../../src/package-root.ts';

const summary: Summary = {
  madeBy: 'fleetca quickstart',
  held: true,
  problems: [],
  at: '2026-06-01T12:00:00.000Z',
  fleet: 'demo',
  authority: 'line-1',
  fleetRootFingerprint: 'ab12',
  batch: 'b-1',
  rows: 3,
  issued: 1,
  refused: 2,
  refusedByCode: [
    {
      code: 'bad-der',
      count: 2,
      faults: [
        { title: 'cut off', count: 1 },
        { title: 'octets after it', count: 1 },
      ],
    },
  ],
  seconds: 0.5,
  certificatesPerSecond: 2,
  chainsChecked: 1,
  handshakes: { devices: 1, calls: 2, letIn: 2, boots: 1, online: 1, impostorCalls: 6, impostorsRefused: 6 },
  out: '/out of town',
  exampleBundle: 'devices/dev-1',
  apiUrl: 'https://127.0.0.1:8443',
  publicUrl: null,
  caFile: '/data/keys/service-ca.crt',
  fingerprint: 'cd34',
  adminTokenFile: '/data/keys/admin-token',
  data: '/data',
  gatewayUrl: 'https://localhost:9443',
};

describe('the summary for people', () => {
  it('says what was refused, with a line for each fault under its code', () => {
    expect(renderSummary(summary, 'ends')).toContain(
      '    1  bad-der                cut off\n    1                         octets after it\n',
    );
  });

  it('gives commands that can be pasted, while the service runs', () => {
    const text = renderSummary(summary, 'runs-on');
    expect(text).toContain("cd '/out of town/devices/dev-1' && curl --cacert root.crt");
    expect(text).toContain('$(cat /data/keys/admin-token)');
    expect(text).not.toContain('The service has ended');
  });

  it('says how to start the service again, when it has ended', () => {
    expect(renderSummary(summary, 'ends')).toMatch(/\n {2}npm start -- --data \/data$/);
    expect(renderSummary({ ...summary, data: packageRoot }, 'ends')).toMatch(/\n {2}npm start$/);
  });

  it('begins with what was not as planned, at most 20 of it', () => {
    const problems = Array.from({ length: 25 }, (_, i) => `problem ${i + 1}`);
    const text = renderSummary({ ...summary, held: false, problems }, 'ends');
    expect(text).toMatch(/^The quickstart is done, and NOT everything was as planned \(25\):/);
    expect(text).toContain('problem 20\n  - and 5 more, in summary.json');
  });
});
