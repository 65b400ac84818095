import { expect, test } from 'vitest';
import type { CompromiseOrder, Generation } from '../../src/ca/index.ts';
import { entriesOf, type Given, newFleet, newGeneration, newLine, rejection } from './line.ts';
import {
  actAt,
  certificateOf,
  fresh,
  freshDigest,
  freshSerial,
  hex,
  minutesAfter,
  tbsDigestOf,
} from './sample.ts';

const TERMS = { publishHours: 0 };

export function compromiseContract(given: Given): void {
  /** A root, and an issuing authority under it. */
  const setUp = async () => {
    const { store } = given;
    const { fleet, root, row, record, intend, complete, issue } = await newLine(store);
    const wish = { authority: 'line-7', kind: 'issuing', profile: 'issuing', issuerId: root.id } as const;
    const own = await newGeneration(store, fleet, wish);
    const under = (issuer: Generation, deviceId = fresh('device')) => row(deviceId, { issuerId: issuer.id });
    const order = (more: Partial<CompromiseOrder> = {}): CompromiseOrder => ({
      fleetId: fleet.id,
      authority: 'line-7',
      number: 1,
      reason: 'the host was broken into',
      withdrawal: 'after-re-issue',
      confirmed: 0,
      counted: { devices: 0, through: 0 },
      under: [own.id],
      ...more,
    });
    /** Its next one, in the trust bundle. */
    const next = async (until: 'published' | 'active' = 'published') => {
      const made = await newGeneration(store, fleet, { ...wish, place: 'next' });
      const move = { fleetId: fleet.id, authority: 'line-7', number: 2, forced: null, terms: TERMS } as const;
      await store.moveGeneration(actAt(1), { ...move, move: 'publish' });
      if (until === 'active') await store.moveGeneration(actAt(1), { ...move, move: 'activate' });
      return made;
    };
    const states = async () =>
      (await store.listGenerations(fleet.id)).map(
        ({ state, withdrawn }) => `${state}${withdrawn ? ', out' : ''}`,
      );
    return { store, fleet, root, own, under, order, next, states, record, intend, complete, issue };
  };

  test('one that is compromised issues nothing, not even what is on its way, and its successor does', async () => {
    const { store, own, under, order, next, states, record, intend, complete, issue } = await setUp();
    const second = await next();
    const late = under(own);
    const intentId = await intend(late);
    const entries = await entriesOf(store, () => store.compromiseGeneration(actAt(2), order()));
    expect(entries.map(({ action, details }) => [action, details])).toEqual([
      [
        'generation-compromised',
        {
          authority: 'line-7',
          generation: 1,
          move: 'compromise',
          reason: 'the host was broken into',
          withdrawal: 'after-re-issue',
          cutsOff: 0,
          confirmed: 0,
          changes: [
            { generation: own.id, from: 'active', to: 'compromised' },
            { generation: second.id, from: 'published', to: 'active' },
          ],
          withdrawn: [],
          revoked: [],
        },
      ],
    ]);
    expect(await states()).toEqual(['active', 'compromised', 'active']);
    expect(await rejection(complete(late, intentId))).toMatchObject({ code: 'busy' });
    expect(await rejection(record([under(own)]))).toMatchObject({ code: 'busy' });
    await store.abandonIntents(actAt(2), store.runId, [intentId]);
    expect(await issue({ ...under(second, late.deviceId), keyDigest: late.keyDigest })).toMatchObject({
      deviceId: late.deviceId,
    });
    expect(await entriesOf(store, () => store.compromiseGeneration(actAt(3), order()))).toEqual([]);
  });

  test('its certificates are nothing to replay: the same key gets another, which supersedes them', async () => {
    const { store, own, under, order, next, issue } = await setUp();
    const before = under(own);
    const old = await issue(before);
    const second = await next('active');
    const again = { ...under(second, before.deviceId), keyDigest: before.keyDigest };
    expect(
      (
        await store.recordIntents({
          act: actAt(1),
          runId: store.runId,
          fleetId: old.fleetId,
          batchId: null,
          rows: [again],
        })
      )[0]?.verdict,
    ).toBe('replay');
    await store.compromiseGeneration(actAt(2), order({ confirmed: 1 }));
    const fresher = await issue(again, 3);
    expect(fresher.fingerprint).not.toEqual(old.fingerprint);
    expect((await store.findCertificate(old.fingerprint))?.supersededAt).not.toBeNull();
  });

  test('it is given up only by whoever confirms the devices that it cuts off, those of the last moment, too', async () => {
    const { store, own, under, order, states, issue } = await setUp();
    await issue(under(own));
    const through = await store.settledThrough();
    await issue(under(own));
    const counted = { devices: 1, through };
    const refused = await rejection(store.compromiseGeneration(actAt(1), order({ confirmed: 1, counted })));
    expect(refused).toMatchObject({ code: 'rotation-refused', facts: { cutsOff: 2, confirmed: 1 } });
    expect(await states()).toEqual(['active', 'active']);
    await store.compromiseGeneration(actAt(1), order({ confirmed: 2, counted }));
    const moves = await store.listMoves(own.fleetId, 'line-7');
    expect(moves.map(({ move, compromise }) => [move, compromise])).toEqual([
      ['compromise', { reason: 'the host was broken into', withdrawal: 'after-re-issue', cutsOff: 2 }],
    ]);
  });

  test('where it is withdrawn it is out of the trust bundle for good, and its parent revokes it', async () => {
    const { store, root, own, order, states } = await setUp();
    await store.compromiseGeneration(actAt(1), order());
    const { withdrawn } = await store.compromiseGeneration(actAt(2), order({ withdrawal: 'now' }));
    expect([withdrawn, await states()]).toEqual([true, ['active', 'compromised, out']]);
    const { lastRevocation } = await store.findListState(root.id);
    const query = { issuerId: root.id, through: lastRevocation, before: null };
    const revoked = await store.listRevocations(query, new Uint8Array(0), 10);
    expect(revoked).toEqual([
      { serial: expect.any(Uint8Array), revokedAt: minutesAfter(2), reason: 'cACompromise' },
    ]);
    expect(
      await entriesOf(store, () => store.compromiseGeneration(actAt(3), order({ withdrawal: 'now' }))),
    ).toEqual([]);
    const back = {
      fleetId: own.fleetId,
      authority: 'line-7',
      number: 1,
      forced: null,
      terms: TERMS,
    } as const;
    expect(await rejection(store.moveGeneration(actAt(3), { ...back, move: 'roll-back' }))).toMatchObject({
      code: 'rotation-refused',
    });
  });

  test('what stands under it is listed page by page, each device with the certificate that took its place', async () => {
    const { store, root, own, under, next, issue } = await setUp();
    const second = await next('active');
    const awaited = await issue({ ...under(own), notAfter: minutesAfter(60) });
    const kept = under(own);
    const old = await issue(kept);
    const twice = await issue({
      ...under(own, awaited.deviceId),
      notAfter: minutesAfter(90),
      supersede: 'x',
    });
    const gone = await issue(under(own));
    await store.markRevoked(actAt(1), gone.fingerprint, 'superseded');
    await issue({ ...under(own), notAfter: minutesAfter(1) });
    const successor = await issue({ ...under(second, kept.deviceId), supersede: 'x' });
    const elsewhere = await issue({ ...under(root), notAfter: minutesAfter(70) });
    const query = { under: [root.id, own.id], trusted: [second.id], at: minutesAfter(2) };
    const found: string[][] = [];
    for (let after: string | null = ''; after !== null; ) {
      const page: Awaited<ReturnType<typeof store.listStanding>> = await store.listStanding(query, after, 2);
      found.push(
        ...page.standing.map((one) => [
          one.deviceId,
          hex(one.fingerprint),
          one.successor ? hex(one.successor) : '-',
        ]),
      );
      after = page.next;
    }
    expect(found).toEqual([
      [elsewhere.deviceId, hex(elsewhere.fingerprint), '-'],
      [twice.deviceId, hex(twice.fingerprint), '-'],
      [old.deviceId, hex(old.fingerprint), hex(successor.fingerprint)],
    ]);
  });

  test('a root that is withdrawn is no longer vouched for by the root that has taken its place', async () => {
    const { order } = await setUp();
    const { store } = given;
    const fleet = await newFleet(store);
    const keyDigest = freshDigest();
    const root = await newGeneration(store, fleet, { keyDigest });
    const second = await newGeneration(store, fleet, { place: 'next' });
    const serial = freshSerial();
    const link = {
      ...{ fleetId: fleet.id, subjectId: root.id, issuerId: second.id, serial, profile: 'link' },
      ...{ profileDigest: freshDigest(), keyDigest, tbsDigest: tbsDigestOf(serial) },
      ...{ notBefore: minutesAfter(0), notAfter: minutesAfter(900) },
    };
    const { intentId } = await store.recordLinkIntent(actAt(), store.runId, link);
    await store.recordLinkIssued(actAt(), store.runId, intentId, certificateOf(serial));
    const move = { fleetId: fleet.id, authority: 'root', number: 2, forced: null, terms: TERMS } as const;
    await store.moveGeneration(actAt(1), { ...move, move: 'publish' });
    await store.compromiseGeneration(
      actAt(2),
      order({ fleetId: fleet.id, authority: 'root', withdrawal: 'now' }),
    );
    const through = (await store.findListState(second.id)).lastRevocation;
    const query = { issuerId: second.id, through, before: null };
    const revoked = await store.listRevocations(query, new Uint8Array(0), 10);
    expect(revoked.map((one) => [hex(one.serial), one.reason])).toEqual([[hex(serial), 'cACompromise']]);
  });

  test('a CA whose signer is compromised meanwhile is not completed', async () => {
    const { store, fleet, root, order } = await setUp();
    const wish = { authority: 'line-8', kind: 'issuing', profile: 'issuing', issuerId: root.id } as const;
    await store.compromiseGeneration(actAt(1), order({ authority: 'root', under: [root.id] }));
    expect(await rejection(newGeneration(store, fleet, wish))).toMatchObject({ code: 'busy' });
  });
}
