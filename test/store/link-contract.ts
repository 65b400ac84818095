import { expect, test } from 'vitest';
import type { LinkIntent } from '../../src/ca/index.ts';
import { entriesOf, type Given, newFleet, newGeneration, rejection } from './line.ts';
import {
  actAt,
  certificateOf,
  fresh,
  freshDigest,
  freshSerial,
  hex,
  minutesAfter,
  sha256,
  tbsDigestOf,
} from './sample.ts';

export function linkContract(given: Given): void {
  const setUp = async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const [ofRoot, ofNext] = [freshDigest(), freshDigest()];
    const root = await newGeneration(store, fleet, { keyDigest: ofRoot });
    const next = await newGeneration(store, fleet, { place: 'next', keyDigest: ofNext });
    const intent = (wish: Partial<LinkIntent> = {}): LinkIntent => {
      const serial = freshSerial();
      return {
        fleetId: fleet.id,
        subjectId: next.id,
        issuerId: root.id,
        profile: 'link',
        profileDigest: sha256(Buffer.from('link')),
        keyDigest: wish.subjectId === root.id ? ofRoot : ofNext,
        serial,
        tbsDigest: tbsDigestOf(serial),
        notBefore: minutesAfter(0),
        notAfter: minutesAfter(1_000_000),
        ...wish,
      };
    };
    const linksOf = async () =>
      (await store.listGenerations(fleet.id)).map(({ number, links }) => [number, links]);
    return { store, fleet, root, next, intent, linksOf };
  };

  test('a link is there when its certificate is, with the root that it is about', async () => {
    const { store, root, next, intent, linksOf } = await setUp();
    const due = intent();
    const { intentId } = await store.recordLinkIntent(actAt(), store.runId, due);
    expect(await linksOf()).toEqual([
      [1, []],
      [2, []],
    ]);
    const der = certificateOf(due.serial);
    const entries = await entriesOf(store, async () => {
      const done = await store.recordLinkIssued(actAt(1), store.runId, intentId, der);
      expect(done).toMatchObject({ id: next.id, state: 'staged' });
    });
    expect(entries).toMatchObject([
      {
        action: 'link-issued',
        details: { subject: next.id, issuer: root.id, certificate: hex(sha256(der)) },
      },
    ]);
    const [link] = (await store.findGeneration(next.id))?.links ?? [];
    expect(link).toMatchObject({ subjectId: next.id, issuerId: root.id });
    expect(hex(link?.certificate ?? new Uint8Array(0))).toBe(hex(der));
    expect(await linksOf()).toEqual([
      [1, []],
      [2, [link]],
    ]);
  });

  test('a pair of roots has one link, each way, whoever was first', async () => {
    const { store, root, next, intent, linksOf } = await setUp();
    const [one, other, back] = [intent(), intent(), intent({ subjectId: root.id, issuerId: next.id })];
    const ids: number[] = [];
    for (const due of [one, other, back])
      ids.push((await store.recordLinkIntent(actAt(), store.runId, due)).intentId);
    const complete = (i: number) =>
      store.recordLinkIssued(
        actAt(),
        store.runId,
        ids[i] ?? 0,
        certificateOf([one, other, back][i]?.serial ?? freshSerial()),
      );
    await complete(0);
    expect(await rejection(complete(1))).toMatchObject({ code: 'already-exists' });
    await complete(2);
    const third = await rejection(store.recordLinkIntent(actAt(), store.runId, intent()));
    expect(third).toMatchObject({ code: 'already-exists' });
    expect((await linksOf()).map(([, links]) => links)).toMatchObject([[{}], [{}]]);
  });

  test('a link is completed once, by the run that intended it', async () => {
    const { store, intent } = await setUp();
    const due = intent();
    const { intentId } = await store.recordLinkIntent(actAt(), store.runId, due);
    const der = certificateOf(due.serial);
    expect(await rejection(store.recordLinkIssued(actAt(), fresh('run'), intentId, der))).toBeInstanceOf(
      Error,
    );
    await store.recordLinkIssued(actAt(), store.runId, intentId, der);
    expect(await rejection(store.recordLinkIssued(actAt(), store.runId, intentId, der))).toBeInstanceOf(
      Error,
    );
  });
}
