import { afterAll, describe, expect, it } from 'vitest';
import {
  createAuthority,
  type Fleet,
  type Generation,
  latestStart,
  type Move,
  makeLinks,
  readForecast,
  rehearse,
  stageGeneration,
  urgencyOf,
} from '../../src/ca/index.ts';
import { issueTo } from '../support/issue-to.ts';
import { memoryCa } from '../support/memory-ca.ts';

const TERMS = { publishHours: 24 };
const PACE = { publishHours: 24, lifetimeDays: 365 };
const DAY = 86_400_000;
const world = memoryCa();
afterAll(() => world.close());
const now = (): Date => world.clock.now();

const day = (at: Date | null | undefined): string | undefined => at?.toISOString().slice(0, 10);
const generation = async (fleet: Fleet, authority: string, number: number): Promise<Generation> => {
  const all = await world.ca.ledger.listGenerations(fleet.id);
  const found = all.find((one) => one.authority === authority && one.number === number);
  if (!found) throw new Error(`there is no ${authority} ${number}`);
  return found;
};
const move = (fleet: Fleet, authority: string, name: Move, number: number) =>
  world.ca.rotation.moveGeneration(world.act(), {
    fleetId: fleet.id,
    authority,
    number,
    move: name,
    forced: 'test',
    terms: TERMS,
  });
const stage = (fleet: Fleet, authority: string) =>
  stageGeneration(world.ca, world.act(), fleet, authority, {
    keyAlgorithm: null,
    profile: null,
    commonName: null,
  });
const rehearsal = (fleet: Fleet, authority: string, step: Move, number = 2) =>
  rehearse(world.ca, fleet, { authority, number, step }, TERMS, now());
const codes = async (...args: Parameters<typeof rehearsal>) => {
  const { verdict, findings } = await rehearsal(...args);
  return [verdict, ...findings.map(({ severity, code, count }) => `${severity} ${code} ${count}`)];
};

describe('the last day to begin', () => {
  const end = new Date('2031-06-01T00:00:00Z');
  it('leaves the last certificate of the old generation its whole life, after a window for each level', () => {
    expect(day(latestStart({ kind: 'issuing' }, end, PACE))).toBe('2030-05-31');
    expect(day(latestStart({ kind: 'root' }, end, PACE))).toBe('2030-05-30');
    expect(day(latestStart({ kind: 'registration' }, end, PACE))).toBe('2031-05-02');
  });
  it('is soon in half a year, and late when it is there', () => {
    const start = latestStart({ kind: 'issuing' }, end, PACE);
    const at = (days: number): Date => new Date(start.getTime() + days * DAY);
    expect([-181, -179, 0, 1].map((days) => urgencyOf(start, at(days)))).toEqual([
      'ok',
      'soon',
      'late',
      'late',
    ]);
  });
});

describe('a forecast', () => {
  it('counts what ends by the month, without what is revoked, and says what comes of each authority', async () => {
    const fleet = await world.fleet('forecast');
    await world.root(fleet);
    const line = await world.issuing(fleet, 'line-7');
    const issued = [];
    for (let i = 0; i < 3; i++) issued.push(await issueTo(world, fleet, line, `dev-${i}`));
    await world.store.markRevoked(world.act(), issued[0]?.fingerprint ?? new Uint8Array(), 'superseded');
    const { months, later, authorities, lifetimeDays } = await readForecast(world.ca, fleet, TERMS, now());
    expect([lifetimeDays, later, months.length, months[0]?.month]).toEqual([365, 0, 24, '2026-06']);
    expect(months.filter(({ certificates }) => certificates > 0)).toEqual([
      { month: '2027-06', certificates: 2 },
    ]);
    const [root, issuing] = authorities;
    expect([root?.certificates, issuing?.certificates, issuing?.atItsEnd]).toEqual([0, 2, 0]);
    expect([day(root?.latestStart), day(issuing?.latestStart)]).toEqual(['2035-05-28', '2030-05-30']);
    expect(issuing?.ifNobody.map(({ at }) => day(at))).toEqual(['2030-05-31', '2031-05-01', '2031-05-31']);
    expect(issuing?.ifNobody.at(-1)?.what).toContain('up to 2 certificates');
  });

  it('sees those that were cut short end together with their authority', async () => {
    const own = memoryCa();
    const fleet = await own.fleet('short');
    await own.root(fleet);
    const line = await own.issuing(fleet, 'line-7');
    own.clock.set(new Date(own.clock.now().getTime() + 1725 * DAY));
    for (let i = 0; i < 2; i++) await issueTo(own, fleet, line, `dev-${i}`);
    const { authorities, months } = await readForecast(own.ca, fleet, TERMS, own.clock.now());
    const issuing = authorities.find(({ generation: { kind } }) => kind === 'issuing');
    expect(issuing).toMatchObject({ certificates: 2, atItsEnd: 2, urgency: 'late' });
    expect(months.reduce((all, { certificates }) => all + certificates, 0)).toBe(2);
    await own.close();
  });
});

describe('a rehearsal', () => {
  it('changes nothing, and says what the rules say', async () => {
    const fleet = await world.fleet('quiet');
    await world.root(fleet);
    await world.issuing(fleet, 'line-7');
    await stage(fleet, 'line-7');
    const entries = await world.store.listAudit(0, 10_000);
    expect(await codes(fleet, 'line-7', 'publish')).toEqual(['go', 'note days-left 1459']);
    expect(await codes(fleet, 'line-7', 'activate')).toEqual([
      'no-go',
      'stop refused null',
      'note days-left 1459',
    ]);
    expect((await rehearsal(fleet, 'line-7', 'publish')).changes).toMatchObject([
      { from: 'staged', to: 'published' },
    ]);
    expect(await world.store.listAudit(0, 10_000)).toEqual(entries);
    expect((await generation(fleet, 'line-7', 2)).state).toBe('staged');
  });

  it('stops where the root is not confirmed at a server, and where links are missing it warns', async () => {
    const fleet = await world.fleet('servers');
    await world.root(fleet);
    await stage(fleet, 'root');
    const server = await world.store.recordServer(world.act(), {
      fleetId: fleet.id,
      name: 'ota',
      kind: 'ota-ce',
    });
    expect(await codes(fleet, 'root', 'publish')).toEqual([
      'go',
      'note server-lacks-root 1',
      expect.stringMatching(/^note days-left/),
    ]);
    await move(fleet, 'root', 'publish', 2);
    world.clock.set(new Date(now().getTime() + 2 * DAY));
    const told = await rehearsal(fleet, 'root', 'activate');
    expect(told).toMatchObject({
      verdict: 'no-go',
      servers: [{ name: 'ota', state: null }],
      missingLinks: ['1 to 2', '2 to 1'],
    });
    expect(told.findings.map(({ code }) => code)).toEqual([
      'refused',
      'server-lacks-root',
      'link-missing',
      'days-left',
    ]);
    expect(told.findings[0]?.message).toContain('not acknowledged by ota');
    const next = await generation(fleet, 'root', 2);
    await world.store.recordRootState(world.act(), server.id, next.id, { state: 'confirmed', note: null });
    expect(await codes(fleet, 'root', 'activate')).toEqual([
      'go',
      'warn link-missing 2',
      expect.stringMatching(/^note days-left/),
    ]);
  });

  it('has no link to miss before they are made, nor after', async () => {
    const fleet = await world.fleet('linked');
    await world.root(fleet);
    await stage(fleet, 'root');
    expect((await rehearsal(fleet, 'root', 'publish')).missingLinks).toEqual([]);
    await makeLinks(world.ca, world.act(), fleet, 'root', 2);
    await move(fleet, 'root', 'publish', 2);
    expect((await rehearsal(fleet, 'root', 'activate')).missingLinks).toEqual([]);
  });

  it('counts devices that send their own certificate alone, and stops where the gateway trusts the root alone', async () => {
    const fleet = await world.fleet('tokens');
    await world.root(fleet);
    const line = await world.issuing(fleet, 'line-7');
    await issueTo(world, fleet, line, 'dev-1');
    await stage(fleet, 'line-7');
    const tell = (gatewayTrusts: 'fleet-root' | 'trust-bundle') =>
      world.store.recordFleetTerms(world.act(), fleet.id, {
        gatewayUrl: null,
        gatewayRoot: null,
        settings: { hardwareId: null, pkcs11Module: '/usr/lib/x.so', gatewayTrusts, ostreeServer: null },
      });
    for (const [trusts, due] of [
      ['fleet-root', 'stop token-devices-cut-off 1'],
      ['trust-bundle', 'note token-devices 1'],
    ] as const) {
      const told = await tell(trusts);
      const { findings, tokenDevices } = await rehearse(
        world.ca,
        told,
        { authority: 'line-7', number: 2, step: 'publish' },
        TERMS,
        now(),
      );
      expect(tokenDevices).toBe(1);
      expect(findings.map(({ severity, code, count }) => `${severity} ${code} ${count}`)).toContain(due);
    }
  });

  it('counts what outlives the generation that follows', async () => {
    const own = memoryCa();
    const fleet = await own.fleet('outlive');
    await own.root(fleet);
    const wish = { keyAlgorithm: 'ec-p256', profile: null, commonName: null } as const;
    const { generation: line } = await createAuthority(own.ca, own.act(), fleet, {
      ...wish,
      name: 'line-7',
      kind: 'issuing',
    });
    await issueTo(own, fleet, line, 'dev-1');
    const { notAfter } = (await own.store.listDeviceCertificates(fleet.id, 'dev-1', 1))[0] ?? {};
    expect(await own.store.countExpiring(line.id, notAfter ?? now(), new Date(8e14))).toBe(1);
    expect(
      await own.store.countExpiring(line.id, new Date((notAfter?.getTime() ?? 0) + 1), new Date(8e14)),
    ).toBe(0);
    await own.close();
  });
});
