import { expect, test } from 'vitest';
import type { RowOutcome } from '../../src/batch/index.ts';
import type { IntentRow, IntentVerdict, KeptEnvelope, StoredCertificate } from '../../src/ca/index.ts';
import { entriesOf, type Given, type Line, newLine, rejection } from './line.ts';
import { actAt, completionOf, fresh, freshDigest, hex, minutesAfter, sha256 } from './sample.ts';

const said = (verdict: IntentVerdict | undefined): string =>
  verdict && 'code' in verdict ? verdict.code : String(verdict?.verdict);

/** A certificate of a device, and the envelope of its key. */
interface Made {
  readonly certificate: StoredCertificate;
  readonly envelope: KeptEnvelope;
}

export function madeKeyContract(given: Given): void {
  const recipient = Buffer.from('a certificate, as far as a ledger knows what one is');
  const recipientDigest = sha256(recipient);
  const forRecipient = { made: { recipientDigest } };
  const inTheClear = { made: { recipientDigest: null } };

  async function issue(line: Line, row: IntentRow, batchId: string | null = null): Promise<Made> {
    const { store } = given;
    const intentId = await line.intend(row);
    const envelope = {
      recipientDigest: row.made?.recipientDigest ?? new Uint8Array(),
      octets: Buffer.from(`envelope of ${hex(row.serial)}`),
    };
    const completion = {
      ...completionOf(row, intentId),
      ...(row.made?.recipientDigest ? { envelope } : {}),
    };
    const chunk = { act: actAt(), runId: store.runId, fleetId: line.fleet.id, batchId };
    await store.recordIssued({ ...chunk, issued: [completion] });
    const certificate = await store.findCertificate(completion.fingerprint);
    if (!certificate) throw new Error('a completed certificate is not found');
    return { certificate, envelope };
  }

  const ask = async (line: Line, wish: Partial<IntentRow>, minutes = 0): Promise<IntentVerdict | undefined> =>
    (await line.record([line.row('dev', wish)], minutes))[0];

  test('a certificate says whether its key was made here', async () => {
    const line = await newLine(given.store);
    expect((await issue(line, line.row('dev', forRecipient))).certificate.made).toBe(true);
    expect((await line.issue(line.row('other'))).made).toBe(false);
  });

  test('the same again, for the same recipient, replays certificate and envelope', async () => {
    const line = await newLine(given.store);
    const { certificate, envelope } = await issue(line, line.row('dev', forRecipient));
    const verdict = await ask(line, forRecipient);
    expect(verdict).toMatchObject({ verdict: 'replay', certificate });
    if (verdict?.verdict !== 'replay') throw new Error('no replay');
    expect(hex(verdict.envelope ?? new Uint8Array())).toBe(hex(envelope.octets));
  });

  test('but not with another notAfter, with other labels, for another recipient or none', async () => {
    const line = await newLine(given.store);
    await issue(line, line.row('dev', forRecipient));
    for (const other of [
      { ...forRecipient, notAfterAsked: true, notAfter: minutesAfter(900) },
      { ...forRecipient, labels: '{"lot":"a"}' },
      { made: { recipientDigest: freshDigest() } },
      inTheClear,
    ]) {
      expect(said(await ask(line, other))).toBe('request-differs');
    }
  });

  test('a key that went out in the clear is not recoverable, for nobody', async () => {
    const line = await newLine(given.store);
    await issue(line, line.row('dev', inTheClear));
    expect(said(await ask(line, inTheClear))).toBe('key-not-recoverable');
    expect(said(await ask(line, forRecipient))).toBe('key-not-recoverable');
    expect(said(await ask(line, { ...inTheClear, supersede: 'lost' }))).toBe('recorded');
  });

  test('nor is one that was acknowledged, which is on the log once', async () => {
    const { store } = given;
    const line = await newLine(store);
    const { certificate } = await issue(line, line.row('dev', forRecipient));
    const entries = await entriesOf(store, async () => {
      await store.acknowledgeKey(actAt(), certificate.fingerprint);
      await store.acknowledgeKey(actAt(), certificate.fingerprint);
    });
    expect(entries.map(({ action, details }) => [action, details.deviceId])).toEqual([
      ['key-acknowledged', 'dev'],
    ]);
    expect(said(await ask(line, forRecipient))).toBe('key-not-recoverable');
    expect(await rejection(store.acknowledgeKey(actAt(), freshDigest()))).toMatchObject({
      code: 'not-found',
    });
  });

  test('a key that came in a CSR stays the device’s, and one that was made does, too', async () => {
    const line = await newLine(given.store);
    await line.issue(line.row('dev'));
    expect(said(await ask(line, forRecipient))).toBe('device-has-other-key');
    const made = line.row('other', forRecipient);
    await issue(line, made);
    const [foreign, own] = await line.record([
      line.row('other'),
      line.row('other', { keyDigest: made.keyDigest }),
    ]);
    expect([said(foreign), said(own)]).toEqual(['device-has-other-key', 'replay']);
  });

  test('an expired certificate leaves the slot, a revoked one does not without `supersede`', async () => {
    const line = await newLine(given.store);
    await issue(line, line.row('dev', { ...forRecipient, notAfter: minutesAfter(1) }));
    expect(said(await ask(line, forRecipient, 1))).toBe('recorded');
    const revoked = await issue(line, line.row('other', forRecipient));
    await given.store.markRevoked(actAt(), revoked.certificate.fingerprint, 'keyCompromise');
    const [without, withReason] = await line.record([
      line.row('other', forRecipient),
      line.row('other', { ...forRecipient, supersede: 'stolen' }),
    ]);
    expect([said(without), said(withReason)]).toEqual(['key-retired', 'recorded']);
  });

  test('`supersede` makes another key once for each reason', async () => {
    const line = await newLine(given.store);
    const first = await issue(line, line.row('dev', forRecipient));
    const wish = { ...forRecipient, supersede: 'lost' };
    const second = await issue(line, line.row('dev', wish));
    const old = await given.store.findCertificate(first.certificate.fingerprint);
    expect(old?.supersededAt).not.toBeNull();
    // A lot that is sent again.
    expect(await ask(line, wish)).toMatchObject({ verdict: 'replay', certificate: second.certificate });
    await given.store.acknowledgeKey(actAt(), second.certificate.fingerprint);
    expect(said(await ask(line, wish))).toBe('key-not-recoverable');
    expect(said(await ask(line, { ...wish, supersede: 'lost again' }))).toBe('recorded');
  });

  async function newBatch(line: Line) {
    const { store } = given;
    const making = { algorithm: 'ec-p256', recipient } as const;
    const opening = {
      id: fresh('lot'),
      fleetId: line.fleet.id,
      tokenId: '00112233aabbccdd',
      profile: null,
      authority: null,
      making,
    };
    const { attempt } = await store.openBatch(actAt(), store.runId, opening);
    const outcome = (row: number, intentId: number | null): RowOutcome => ({
      row,
      deviceId: null,
      status: intentId === null ? 'refused' : 'issued',
      intentId,
      problem: intentId === null ? { code: 'bad-row', message: 'bad' } : null,
      warnings: [],
    });
    return { opening, attempt, outcome };
  }

  test('a batch has its recipient and kind of key, and is no other with another', async () => {
    const { store } = given;
    const line = await newLine(store);
    const { opening } = await newBatch(line);
    const found = await store.findBatch(opening.id);
    expect(found?.making?.algorithm).toBe('ec-p256');
    expect(hex(found?.making?.recipient ?? new Uint8Array())).toBe(hex(recipient));
    expect(found?.acknowledged).toBe(0);
    const { making, ...without } = opening;
    for (const reused of [
      without,
      { ...opening, making: { ...making, recipient: Buffer.from('another') } },
      { ...opening, making: { ...making, algorithm: 'ec-p384' } as const },
    ]) {
      const refusal = await rejection(store.openBatch(actAt(), store.runId, reused));
      expect(refusal).toMatchObject({ code: 'idempotency-key-reused' });
    }
    expect(await store.openBatch(actAt(), store.runId, opening)).toEqual({ attempt: 2 });
  });

  test('outcomes carry their envelopes until they are acknowledged', async () => {
    const { store } = given;
    const line = await newLine(store);
    const { opening, attempt, outcome } = await newBatch(line);
    const made: Made[] = [];
    for (const id of ['a', 'b', 'c']) made.push(await issue(line, line.row(id, forRecipient), opening.id));
    // A key that is kept for somebody else is no matter of this batch.
    const other = await issue(line, line.row('d', { made: { recipientDigest: freshDigest() } }));
    const [a, b, c] = made.map(({ certificate }) => certificate.intentId);
    const outcomes = [a, b, null, c, other.certificate.intentId].map((id, i) => outcome(i + 1, id ?? null));
    await store.recordOutcomes(actAt(), opening.id, attempt, outcomes);
    const envelopes = async () =>
      (await store.listOutcomes(opening.id, null, 0, 10)).map(({ envelope }) => envelope !== null);
    expect(await envelopes()).toEqual([true, true, false, true, false]);

    const acknowledge = (through: number) => store.acknowledgeOutcomes(actAt(), opening.id, through);
    const entries = await entriesOf(store, async () => {
      expect(await acknowledge(2)).toEqual({ through: 2, dropped: 2 });
      // The same again, and less, change nothing.
      expect(await acknowledge(2)).toEqual({ through: 2, dropped: 0 });
      expect(await acknowledge(1)).toEqual({ through: 2, dropped: 0 });
    });
    expect(entries.map(({ action, details }) => [action, details])).toEqual([
      ['keys-acknowledged', { batch: opening.id, after: 0, through: 2, dropped: 2 }],
    ]);
    expect(await envelopes()).toEqual([false, false, false, true, false]);
    expect((await store.findBatch(opening.id))?.acknowledged).toBe(2);
    expect(await rejection(acknowledge(6))).toMatchObject({ code: 'bad-request' });
    expect(await acknowledge(5)).toEqual({ through: 5, dropped: 1 });
    const row = line.row('d', { made: { recipientDigest: other.envelope.recipientDigest } });
    expect(said((await line.record([row]))[0])).toBe('replay');
  });

  test('a batch without a recipient has nothing to acknowledge', async () => {
    const { store } = given;
    const line = await newLine(store);
    const { making: _making, ...opening } = (await newBatch(line)).opening;
    const id = fresh('lot');
    await store.openBatch(actAt(), store.runId, { ...opening, id });
    const refusal = await rejection(store.acknowledgeOutcomes(actAt(), id, 0));
    expect(refusal).toMatchObject({ name: 'PkiError', code: 'bad-request' });
  });
}
