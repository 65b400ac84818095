import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyPostgresLedger } from '../../src/store/index.ts';
import { makeDevice, makeFleet, requestCertificate, rowOf, type TestFleet } from '../support/fleet.ts';
import { openLot, sendLot } from '../support/lot-upload.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { type Service, scratchFolder, startRefused, startService } from '../support/service.ts';

const skipped = (process.env.FLEETCA_TEST_SKIP ?? '').split(',').includes('postgres');

describe.skipIf(skipped)('the whole service on PostgreSQL', () => {
  const data = scratchFolder();
  let server: PostgresServer;
  let url: string;
  let service: Service;
  let fleet: TestFleet;
  const start = () => startService({ data, env: { DATABASE_URL: url } });

  beforeAll(async () => {
    server = await startPostgres();
    url = await server.newDatabase();
    service = await start();
    fleet = await makeFleet(service, 'demo');
  });

  afterAll(async () => {
    await service?.stop();
    await server?.stop();
  });

  it('issues, and gives the same certificate again', async () => {
    const { csr } = makeDevice('single-1');
    const first = await requestCertificate(service, fleet, { body: csr });
    const again = await requestCertificate(service, fleet, { body: csr });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.json().certificate).toBe(first.json().certificate);
  });

  it('gives fifty equal requests at one time one certificate', async () => {
    const { csr } = makeDevice('single-2');
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => requestCertificate(service, fleet, { body: csr })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(1);
  });

  it('takes a lot, row by row, and one bad row stops no other', async () => {
    const rows = [rowOf(makeDevice('lot-1').csr), 'garbage\n', rowOf(makeDevice('lot-2').csr)];
    const lines = (await sendLot(service, fleet, rows.join(''))).lines();
    expect(lines.slice(0, 3).map(({ status }) => status)).toEqual(['issued', 'refused', 'issued']);
    expect(lines.at(-1).summary).toMatchObject({ rows: 3, issued: 2, refused: 1 });
  });

  it('refuses a second service on the same database', async () => {
    const refused = await startRefused({ data: scratchFolder(), env: { DATABASE_URL: url } });
    expect(refused.code).toBe('busy');
  });

  it('loses and doubles nothing when it is killed in a lot', async () => {
    const rows = Array.from({ length: 600 }, (_, i) => rowOf(makeDevice(`killed-${i}`).csr));
    const upload = openLot(service, fleet, { key: 'killed' });
    await upload.write(rows.slice(0, 500).join(''));
    const incoming = await upload.opened;
    incoming.on('error', () => undefined);
    let seen = '';
    for await (const piece of incoming) {
      seen += piece;
      if (seen.split('\n').length > 100) break;
    }
    await service.kill();

    service = await start();
    const lines = (await sendLot(service, fleet, rows.join(''), { key: 'killed' })).lines();
    const { issued, replayed } = lines.at(-1).summary;
    expect(issued + replayed).toBe(600);
    for (const line of seen.split('\n').slice(0, -1)) {
      const { row, certificate: held } = JSON.parse(line);
      expect(lines[row - 1].certificate).toBe(held);
    }
    expect(new Set(lines.slice(0, -1).map(({ serial }) => serial)).size).toBe(600);
  });

  it('refuses keys with an empty database: never an empty CA', async () => {
    await service.stop();
    const empty = await server.newDatabase();
    const refused = await startRefused({ data, env: { DATABASE_URL: empty } });
    expect(refused.code ?? refused.name).toMatch(/storage-unavailable|StartRefusal/);
    service = await start();
  });

  it('has a ledger that verifies while it runs, and its password is in no log', async () => {
    const report = await verifyPostgresLedger(url);
    expect(report.problems).toEqual([]);
    expect(report.ok).toBe(true);
    const { password } = new URL(url);
    expect(password.length).toBeGreaterThan(0);
    expect(service.log()).not.toContain(password);
  });
});
