import { createHash } from 'node:crypto';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import {
  type CaContext,
  type Fleet,
  findIssuer,
  type Generation,
  type IssueOutcome,
  intermediatesOf,
  issue,
  type Ledger,
  prepareGrants,
  type Signer,
} from '../../src/ca/index.ts';
import { authorize, type CertificateRequest, type Requester } from '../../src/enrollment/index.ts';
import { PkiError } from '../../src/errors.ts';
import { parseProfile } from '../../src/policy/index.ts';
import { checkChain, parseCertificate } from '../../src/x509/index.ts';
import { makeCsr, makeKey, type TestKey } from '../support/csr.ts';
import { deviceProfile } from '../support/decide.ts';
import { contextOf, factsOf, type MemoryCa, memoryCa, stationOf } from '../support/memory-ca.ts';
import { codeOfPromise } from '../support/refusal.ts';

const DAY = 86_400_000;
const worlds: MemoryCa[] = [];
afterAll(() => Promise.all(worlds.map((world) => world.close())));
afterEach(() => {
  for (const { keystore } of worlds) keystore.failure = undefined;
});

async function newWorld(now?: string) {
  const world = memoryCa(now === undefined ? {} : { now });
  worlds.push(world);
  const fleet = await world.fleet('demo');
  return { world, fleet, root: await world.root(fleet) };
}
const { world, fleet, root } = await newWorld();

interface Wish extends Partial<CertificateRequest> {
  readonly id: string;
  readonly key?: TestKey;
  readonly requester?: Partial<Requester>;
}

function grant({ id, key = makeKey(), requester = {}, ...more }: Wish, place: Place = {}) {
  const { at = world, of = fleet } = place;
  const request = {
    csr: makeCsr({ deviceId: id, key }),
    deviceId: null,
    notAfter: null,
    labels: null,
    supersede: null,
  };
  return authorize(stationOf(of, requester), factsOf(at, of), deviceProfile(), { ...request, ...more });
}

interface Place {
  readonly at?: MemoryCa;
  readonly of?: Fleet;
  readonly issuer?: Generation;
  readonly ca?: Partial<CaContext>;
}

const run = async (wishes: readonly Wish[], place: Place = {}): Promise<readonly IssueOutcome[]> => {
  const { at = world, of = fleet, issuer = root, ca = {} } = place;
  const grants = wishes.map((wish) => grant(wish, place));
  const tools = { ...at.ca, ...ca };
  const act = at.act();
  const chunk = await prepareGrants(tools, { context: contextOf(of, issuer), grants, at: act.at });
  return issue(tools, { act, fleetId: of.id, batchId: null, chunk });
};
const said = (outcomes: readonly IssueOutcome[]) =>
  outcomes.map((outcome) => (outcome.status === 'refused' ? outcome.refusal.code : outcome.status));
function certificateOf(outcome: IssueOutcome | undefined) {
  if (outcome === undefined || outcome.status === 'refused') throw new Error('there is no certificate');
  return outcome.certificate;
}

describe('a chunk', () => {
  it('has one outcome a grant, in order, each certificate on record, of its device, under its issuer', async () => {
    const outcomes = await run(['a', 'b', 'c'].map((id) => ({ id: `chunk-${id}` })));
    expect(said(outcomes)).toEqual(['issued', 'issued', 'issued']);
    for (const [i, outcome] of outcomes.entries()) {
      const { der, fingerprint, deviceId } = certificateOf(outcome);
      expect(deviceId).toBe(`chunk-${'abc'[i]}`);
      expect(
        Buffer.compare((await world.store.findCertificate(fingerprint))?.der ?? Buffer.alloc(0), der),
      ).toBe(0);
      const chain = [der, root.certificate].map(parseCertificate);
      expect(checkChain(chain, 'clientAuth', world.clock.now())).toEqual([]);
    }
  });

  it('of nothing asks nothing of ledger and key', async () => {
    const touched = () => Promise.reject(new Error('touched'));
    const ca = {
      ledger: { ...world.store, recordIntents: touched },
      keystore: { ...world.keystore, open: touched },
    };
    expect(await run([], { ca })).toEqual([]);
  });

  it('with rows that cannot be planned issues the others', async () => {
    const notAfter = new Date('2099-01-01T00:00:00Z');
    const outcomes = await run([{ id: 'plan-1', notAfter }, { id: 'plan-2' }]);
    expect(said(outcomes)).toEqual(['validity-exceeds-issuer', 'issued']);
  });
});

describe('the same request again', () => {
  const key = makeKey();

  it('gets the certificate of before, and nothing is signed', async () => {
    const [first] = await run([{ id: 'again', key }]);
    const signed = world.keystore.signed.length;
    world.clock.set(new Date(world.clock.now().getTime() + DAY));
    const [second] = await run([{ id: 'again', key }]);
    expect([second?.status, certificateOf(second).fingerprint]).toEqual([
      'replayed',
      certificateOf(first).fingerprint,
    ]);
    expect(world.keystore.signed).toHaveLength(signed);
  });

  it('in the same chunk waits for the row before it, and gets the same', async () => {
    const twin = makeKey();
    const [first, other, second] = await run([
      { id: 'row', key: twin },
      { id: 'between' },
      { id: 'row', key: twin },
    ]);
    expect([first?.status, other?.status, second?.status]).toEqual(['issued', 'issued', 'replayed']);
    expect(certificateOf(second).fingerprint).toEqual(certificateOf(first).fingerprint);
  });

  it('that says something else is a conflict', async () => {
    const notAfter = new Date('2026-12-01T00:00:00Z');
    expect(said(await run([{ id: 'again', key, labels: { line: '7' } }]))).toEqual(['request-differs']);
    expect(said(await run([{ id: 'again', key, notAfter }]))).toEqual(['request-differs']);
  });

  it('with another key, or from another device, is a conflict', async () => {
    expect(said(await run([{ id: 'again' }, { id: 'thief', key }, { id: 'AGAIN' }]))).toEqual([
      'device-has-other-key',
      'key-of-another-device',
      'device-id-twin',
    ]);
  });

  it('with another key and the right to supersede gets a new one, and the old is marked', async () => {
    const [first] = await run([{ id: 'again', key }]);
    const [second] = await run([
      { id: 'again', supersede: { reason: 'board' }, requester: { rights: ['supersede'] } },
    ]);
    expect(second?.status).toBe('issued');
    const old = await world.store.findCertificate(certificateOf(first).fingerprint);
    expect(old?.supersededAt).not.toBeNull();
    expect(old?.revokedAt).toBeNull();
  });

  it('after the certificate has expired gets a new one', async () => {
    const place = await newWorld();
    const there = { at: place.world, of: place.fleet, issuer: place.root };
    const own = makeKey();
    const [first] = await run([{ id: 'old', key: own }], there);
    place.world.clock.set('2027-06-01T12:00:01Z');
    const [second] = await run([{ id: 'old', key: own }], there);
    expect(second?.status).toBe('issued');
    expect(certificateOf(second).serial).not.toEqual(certificateOf(first).serial);
  });
});

describe('a slot that another run or request holds', () => {
  const pending = (times: number) => {
    let asked = 0;
    const ledger: Ledger = {
      ...world.store,
      recordIntents: (chunk) =>
        asked++ < times
          ? Promise.resolve(chunk.rows.map(() => ({ verdict: 'pending', runId: world.ca.runId }) as const))
          : world.store.recordIntents(chunk),
    };
    return { ledger, asked: () => asked };
  };

  it('is asked for again until it is free', async () => {
    const { ledger, asked } = pending(5);
    expect(said(await run([{ id: 'patient' }], { ca: { ledger } }))).toEqual(['issued']);
    expect(asked()).toBe(6);
  });

  it('is given up as busy in the end', async () => {
    const { ledger, asked } = pending(Number.POSITIVE_INFINITY);
    expect(said(await run([{ id: 'impatient' }], { ca: { ledger } }))).toEqual(['busy']);
    expect(asked()).toBeLessThan(100);
  });
});

describe('a key that fails', () => {
  it('leaves nothing issued; the intents are stranded, and freed before the next are made', async () => {
    const ids = [
      { id: 'strand-1', key: makeKey() },
      { id: 'strand-2', key: makeKey() },
    ];
    world.keystore.failure = new PkiError('signer-unavailable', 'The token is gone.');
    expect(await codeOfPromise(run(ids))).toBe('signer-unavailable');
    expect(world.ca.stranded.size).toBe(2);
    expect(await world.store.listDeviceCertificates(fleet.id, 'strand-1', 10)).toEqual([]);
    world.keystore.failure = undefined;
    expect(said(await run(ids))).toEqual(['issued', 'issued']);
    expect(world.ca.stranded.size).toBe(0);
  });

  it('that is not there is refused before an intent is recorded', async () => {
    const recorded: number[] = [];
    const ledger: Ledger = {
      ...world.store,
      recordIntents: (chunk) => {
        recorded.push(chunk.rows.length);
        return world.store.recordIntents(chunk);
      },
    };
    expect(
      await codeOfPromise(run([{ id: 'no-key' }], { ca: { ledger }, issuer: { ...root, keyId: 'gone' } })),
    ).toBe('signer-unavailable');
    expect(recorded).toEqual([]);
  });

  const faults: Record<string, (right: Uint8Array, tbs: Uint8Array) => Uint8Array> = {
    'with a bit flipped': (right) =>
      Uint8Array.from(right, (octet, i) => (i === right.length - 1 ? octet ^ 1 : octet)),
    'of nothing': () => new Uint8Array(0),
    'cut off': (right) => right.subarray(0, -1),
    'with an octet after it': (right) => Buffer.concat([right, Buffer.of(0)]),
    'that is its digest': (_, tbs) => createHash('sha256').update(tbs).digest(),
    'of zeros': () => Buffer.from('3006020100020100', 'hex'),
  };
  for (const [what, fault] of Object.entries(faults)) {
    it(`by a signature ${what} lets no certificate out`, async () => {
      const keystore = {
        ...world.keystore,
        open: async (keyId: string): Promise<Signer> => {
          const signer = await world.keystore.open(keyId);
          return { ...signer, sign: async (tbs) => fault(await signer.sign(tbs), tbs) };
        },
      };
      const completed: unknown[] = [];
      const ledger: Ledger = {
        ...world.store,
        recordIssued: (chunk) => {
          completed.push(chunk);
          return world.store.recordIssued(chunk);
        },
      };
      const id = `faulty ${what}`;
      expect(await codeOfPromise(run([{ id: `${id} too` }, { id }], { ca: { keystore, ledger } }))).toBe(
        'signer-unavailable',
      );
      expect(completed).toEqual([]);
      expect(await world.store.listDeviceCertificates(fleet.id, id, 10)).toEqual([]);
    });
  }

  it('signs each TBS once, and only what is on record', async () => {
    const digests: string[] = [];
    const ledger: Ledger = {
      ...world.store,
      recordIntents: (chunk) => {
        digests.push(...chunk.rows.map(({ tbsDigest }) => Buffer.from(tbsDigest).toString('hex')));
        return world.store.recordIntents(chunk);
      },
    };
    const before = world.keystore.signed.length;
    await run([{ id: 'once-1' }, { id: 'once-2' }], { ca: { ledger } });
    const signed = world.keystore.signed
      .slice(before)
      .map((tbs) => createHash('sha256').update(tbs).digest('hex'));
    expect(signed).toEqual(digests);
  });
});

describe('a ledger that fails', () => {
  it('when it completes strands the intents; when it records there are none', async () => {
    const full = () => Promise.reject(new PkiError('storage-full', 'Full.'));
    const key = makeKey();
    expect(
      await codeOfPromise(
        run([{ id: 'full', key }], { ca: { ledger: { ...world.store, recordIssued: full } } }),
      ),
    ).toBe('storage-full');
    expect(world.ca.stranded.size).toBe(1);
    expect(said(await run([{ id: 'full', key }]))).toEqual(['issued']);
    expect(
      await codeOfPromise(
        run([{ id: 'full-2' }], { ca: { ledger: { ...world.store, recordIntents: full } } }),
      ),
    ).toBe('storage-full');
    expect(world.ca.stranded.size).toBe(0);
  });

  it('when it frees the stranded keeps them for the next time, and issues nothing meanwhile', async () => {
    const key = makeKey();
    world.keystore.failure = new PkiError('signer-unavailable', 'Gone.');
    await codeOfPromise(run([{ id: 'stuck', key }]));
    world.keystore.failure = undefined;
    const abandonIntents = () => Promise.reject(new PkiError('storage-unavailable', 'Gone.'));
    expect(
      await codeOfPromise(
        run([{ id: 'stuck', key }], { ca: { ledger: { ...world.store, abandonIntents } } }),
      ),
    ).toBe('storage-unavailable');
    expect(world.ca.stranded.size).toBe(1);
    expect(said(await run([{ id: 'stuck', key }]))).toEqual(['issued']);
  });
});

describe('the clock', () => {
  it('more than five minutes before the last issuance stops everything', async () => {
    const place = await newWorld();
    const there = { at: place.world, of: place.fleet, issuer: place.root };
    expect(said(await run([{ id: 'now' }], there))).toEqual(['issued']);
    place.world.clock.set('2026-06-01T11:54:59Z');
    expect(await codeOfPromise(run([{ id: 'before' }], there))).toBe('clock-behind');
    place.world.clock.set('2026-06-01T11:55:01Z');
    expect(said(await run([{ id: 'nearly' }], there))).toEqual(['issued']);
  });
});

describe('validity', () => {
  it('is refused within 30 days of the issuer’s end, for each row, without a key being touched', async () => {
    const place = await newWorld();
    const there = { at: place.world, of: place.fleet, issuer: place.root };
    const signed = place.world.keystore.signed.length;
    place.world.clock.set('2036-05-20T00:00:00Z');
    expect(said(await run([{ id: 'late-1' }, { id: 'late-2' }], there))).toEqual([
      'issuer-near-end',
      'issuer-near-end',
    ]);
    expect(place.world.keystore.signed).toHaveLength(signed);
  });

  it('that is asked for is taken to the second, or refused', async () => {
    const asked = (text: string) =>
      run([{ id: `until ${text.replaceAll(':', '')}`, notAfter: new Date(text) }]);
    const [taken] = await asked('2026-12-24T18:00:00.900Z');
    expect(certificateOf(taken).notAfter.toISOString()).toBe('2026-12-24T18:00:00.000Z');
    expect(said(await asked('2026-06-01T00:00:00Z'))).toEqual(['bad-request']);
    expect(said(await asked('2036-06-01T00:00:00Z'))).toEqual(['validity-exceeds-issuer']);
  });

  it('crosses from UTCTime to GeneralizedTime with the new year of 2050', async () => {
    const place = await newWorld('2049-01-10T00:00:00Z');
    const there = { at: place.world, of: place.fleet, issuer: place.root };
    const until = async (text: string) => {
      const [outcome] = await run([{ id: text.replaceAll(':', ''), notAfter: new Date(text) }], there);
      const certificate = parseCertificate(certificateOf(outcome).der);
      expect(certificate.notAfter.toISOString()).toBe(text.replace('Z', '.000Z'));
      return Buffer.from(certificate.tbs).toString('latin1');
    };
    expect(await until('2049-12-31T23:59:59Z')).toContain('\x17\r491231235959Z');
    expect(await until('2050-01-01T00:00:00Z')).toContain('\x18\x0f20500101000000Z');
    const [renewed] = await run([{ id: 'renewed' }], there);
    expect(certificateOf(renewed).notAfter.toISOString()).toBe('2050-01-10T00:00:00.000Z');
  });
});

describe('the authority that issues', () => {
  it('is the one named; else the one issuing authority; else the root', async () => {
    const place = memoryCa();
    worlds.push(place);
    const own = await place.fleet('own');
    expect(await codeOfPromise(findIssuer(place.ca, own.id, null))).toBe('authority-not-active');
    const head = await place.root(own);
    expect((await findIssuer(place.ca, own.id, null)).id).toBe(head.id);
    const line1 = await place.issuing(own, 'line-1');
    expect((await findIssuer(place.ca, own.id, null)).id).toBe(line1.id);
    expect((await findIssuer(place.ca, own.id, 'root')).id).toBe(head.id);
    const line2 = await place.issuing(own, 'line-2');
    expect(await codeOfPromise(findIssuer(place.ca, own.id, null))).toBe('authority-ambiguous');
    expect((await findIssuer(place.ca, own.id, 'line-2')).id).toBe(line2.id);
    for (const name of ['line-3', '', 'LINE-1', '__proto__'])
      expect(await codeOfPromise(findIssuer(place.ca, own.id, name))).toBe('authority-not-active');
    const all = await place.store.listGenerations(own.id);
    expect(intermediatesOf(all, line2.id).map(({ authority }) => authority)).toEqual(['line-2']);
    expect(intermediatesOf(all, head.id)).toEqual([]);
  });

  it('that is not active is passed over', async () => {
    const listed: Generation[] = [
      { ...root, state: 'retired' },
      { ...root, id: 90, kind: 'issuing', authority: 'line-1', state: 'draining' },
      { ...root, id: 91, kind: 'issuing', authority: 'line-2', state: 'active' },
    ];
    const ca = { ...world.ca, ledger: { ...world.store, listGenerations: async () => listed } };
    expect((await findIssuer(ca, fleet.id, null)).authority).toBe('line-2');
    expect(await codeOfPromise(findIssuer(ca, fleet.id, 'line-1'))).toBe('authority-not-active');
  });
});

it('a profile of the operator’s shows in the certificate', async () => {
  const profile = parseProfile({
    ...deviceProfile(),
    name: 'gateway',
    subject: { organization: 'Acme', country: 'DE' },
  });
  if (profile.kind !== 'device') throw new Error('not a device profile');
  const request = {
    csr: makeCsr({ deviceId: 'own' }),
    deviceId: null,
    notAfter: null,
    labels: null,
    supersede: null,
  };
  const granted = authorize(stationOf(fleet), factsOf(world, fleet), profile, request);
  const act = world.act();
  const chunk = await prepareGrants(world.ca, {
    context: contextOf(fleet, root),
    grants: [granted],
    at: act.at,
  });
  const [outcome] = await issue(world.ca, { act, fleetId: fleet.id, batchId: null, chunk });
  const { subject } = parseCertificate(certificateOf(outcome).der);
  expect(subject.rdns.map(([only]) => only?.value)).toEqual(['own', 'Acme', 'DE']);
});
