import { afterAll, describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import {
  certificatesAbove,
  createAuthority,
  type Fleet,
  type Generation,
  linkPathLength,
  liveLinks,
  type Move,
  makeLinks,
  stageGeneration,
} from '../../src/ca/index.ts';
import { parseProfile } from '../../src/policy/index.ts';
import {
  type Certificate,
  checkChain,
  findExtension,
  parseCertificate,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readSubjectKeyIdentifier,
} from '../../src/x509/index.ts';
import { memoryCa } from '../support/memory-ca.ts';

const rootProfile = (name: string, pathLength: number | null, validityDays: number) =>
  parseProfile({
    kind: 'root',
    name,
    validityDays,
    backdateHours: 48,
    keyUsage: { critical: true, bits: ['keyCertSign', 'cRLSign'] },
    extendedKeyUsage: null,
    basicConstraints: { critical: true, pathLength },
    subjectKeyIdentifier: 'sha256-160',
  });

const world = memoryCa({
  profiles: [
    rootProfile('any', null, 3650),
    rootProfile('short', null, 400),
    rootProfile('ending', null, 20),
    rootProfile('one-below', 1, 3650),
    rootProfile('two-below', 2, 3650),
  ],
});
afterAll(() => world.close());

let fleets = 0;

/** A fleet with a root, an issuing authority where one is wanted, and another root that is staged. */
async function twoRoots(first: string, second: string, ...lines: readonly string[]) {
  const { ca } = world;
  const act = world.act();
  const fleet = await world.fleet(`demo-${++fleets}`);
  const wish = { keyAlgorithm: 'ec-p256', profile: first, commonName: null } as const;
  await createAuthority(ca, act, fleet, { ...wish, name: 'root', kind: 'root' });
  for (const name of lines) await world.issuing(fleet, name);
  await stageGeneration(ca, act, fleet, 'root', { keyAlgorithm: null, profile: second, commonName: null });
  return { ca, act, fleet };
}

const listed = (fleet: Fleet): Promise<readonly Generation[]> => world.ca.ledger.listGenerations(fleet.id);
const rootsOf = async (fleet: Fleet): Promise<readonly [Generation, Generation]> => {
  const [one, two] = (await listed(fleet)).filter(({ kind }) => kind === 'root');
  if (!one || !two) throw new Error('there are not two roots');
  return [one, two];
};
const linkOf = (root: Generation): Certificate => {
  const [link] = root.links;
  if (!link) throw new Error('there is no link');
  return parseCertificate(link.certificate);
};
const move = (fleet: Fleet, name: Move, number: number) =>
  world.ca.rotation.moveGeneration(world.act(), {
    fleetId: fleet.id,
    authority: 'root',
    number,
    move: name,
    forced: 'test',
    terms: { publishHours: 24 },
  });
const pathLength = (certificate: Certificate) => {
  const constraints = findExtension(certificate, OID.basicConstraints);
  return constraints && readBasicConstraints(constraints);
};
const idOf = (certificate: Certificate): string => {
  const own = findExtension(certificate, OID.subjectKeyIdentifier);
  if (!own) throw new Error('there is no key identifier');
  return Buffer.from(readSubjectKeyIdentifier(own)).toString('hex');
};

describe('link certificates', () => {
  it('join two roots, each signed by the other: a chain under either leads to both', async () => {
    const { ca, act, fleet } = await twoRoots('any', 'short', 'line-7');
    expect(await makeLinks(ca, act, fleet, 'root', 2)).toEqual([]);
    const roots = await rootsOf(fleet);
    const [one, two] = roots.map(({ certificate }) => parseCertificate(certificate)) as [
      Certificate,
      Certificate,
    ];
    for (const [subject, issuer, root] of [
      [one, two, roots[0]],
      [two, one, roots[1]],
    ] as const) {
      const link = linkOf(root);
      expect(checkChain([link, issuer], 'clientAuth', act.at)).toEqual([]);
      expect(Buffer.from(link.subject.der)).toEqual(Buffer.from(subject.subject.der));
      expect(Buffer.from(link.publicKey.spki)).toEqual(Buffer.from(subject.publicKey.spki));
      expect(idOf(link)).toBe(idOf(subject));
      const above = findExtension(link, OID.authorityKeyIdentifier);
      expect(above && Buffer.from(readAuthorityKeyIdentifier(above) ?? []).toString('hex')).toBe(
        idOf(issuer),
      );
      expect(pathLength(link)).toEqual({ ca: true, pathLength: null });
      // It lives while both do: the other root is the short one.
      expect(link.notAfter).toEqual(two.notAfter);
      expect(link.notBefore >= one.notBefore && link.notBefore >= two.notBefore).toBe(true);
      expect(link.serial).toHaveLength(16);
    }
    expect(idOf(one)).not.toBe(idOf(two));
  });

  it('are made once, however often it is asked, and by their entries on record', async () => {
    const { ca, act, fleet } = await twoRoots('any', 'any');
    await makeLinks(ca, act, fleet, 'root', 2);
    const before = await rootsOf(fleet);
    await makeLinks(ca, act, fleet, 'root', 2);
    expect(await rootsOf(fleet)).toEqual(before);
    const actions = (await world.store.listAudit(0, 10_000))
      .filter((entry) => entry.fleet === fleet.name && entry.action.startsWith('link-'))
      .map(({ action }) => action);
    expect(actions).toEqual(['link-intent-recorded', 'link-issued', 'link-intent-recorded', 'link-issued']);
  });

  it('are not for issuing authorities, nor for a root that is published already', async () => {
    const { ca, act, fleet } = await twoRoots('any', 'any', 'line-7');
    const same = { keyAlgorithm: null, profile: null, commonName: null };
    await stageGeneration(ca, act, fleet, 'line-7', same);
    await makeLinks(ca, act, fleet, 'line-7', 2);
    await move(fleet, 'publish', 2);
    await makeLinks(ca, act, fleet, 'root', 2);
    expect((await listed(fleet)).flatMap(({ links }) => links)).toEqual([]);
  });

  it('are public, and sent by devices, while both roots are trusted', async () => {
    const { ca, act, fleet } = await twoRoots('any', 'any', 'line-7');
    await makeLinks(ca, act, fleet, 'root', 2);
    const state = async () => {
      const generations = await listed(fleet);
      const [one, two] = await rootsOf(fleet);
      const line = generations.find(({ authority }) => authority === 'line-7');
      const sent = (issuerId: number) => certificatesAbove(generations, issuerId).length;
      return { live: liveLinks(generations).length, sent: [one.id, line?.id ?? 0, two.id].map(sent) };
    };
    expect(await state()).toEqual({ live: 0, sent: [0, 1, 0] });
    await move(fleet, 'publish', 2);
    expect(await state()).toEqual({ live: 2, sent: [0, 1, 0] });
    await move(fleet, 'activate', 2);
    expect(await state()).toEqual({ live: 2, sent: [1, 2, 1] });
    await move(fleet, 'roll-back', 2);
    expect(await state()).toEqual({ live: 2, sent: [0, 1, 0] });
    await move(fleet, 'roll-back', 2);
    expect(await state()).toEqual({ live: 0, sent: [0, 1, 0] });
  });
});

describe('a path length that leaves no room', () => {
  it('is told of, and the link in the other direction is made', async () => {
    const { ca, act, fleet } = await twoRoots('one-below', 'any', 'line-7');
    const [told, ...more] = await makeLinks(ca, act, fleet, 'root', 2);
    expect(more).toEqual([]);
    expect(told).toMatch(
      /^There is no link from generation 1 to generation 2: its path length is 1, and 2 CAs/,
    );
    const [one, two] = await rootsOf(fleet);
    expect([one.links.length, two.links.length]).toEqual([1, 0]);
    // What it says of itself goes on: below the first root there is room for one.
    expect(pathLength(linkOf(one))).toEqual({ ca: true, pathLength: 1 });
  });

  it('is judged by what stands on the way to a device, and handed down', async () => {
    const narrow = await twoRoots('one-below', 'one-below');
    expect(await makeLinks(narrow.ca, narrow.act, narrow.fleet, 'root', 2)).toEqual([]);
    expect((await rootsOf(narrow.fleet)).map((root) => pathLength(linkOf(root))?.pathLength)).toEqual([0, 0]);
    const wider = await twoRoots('two-below', 'any', 'line-7');
    expect(await makeLinks(wider.ca, wider.act, wider.fleet, 'root', 2)).toEqual([]);
    expect((await rootsOf(wider.fleet)).map((root) => pathLength(linkOf(root))?.pathLength)).toEqual([2, 1]);
  });

  it.each([
    [null, null, 1, null],
    [3, null, 1, 3],
    [null, 2, 1, 1],
    [0, 5, 0, 0],
    [null, 1, 0, 0],
  ])('of subject %s under %s, with %s below, is %s', async (subject, signer, below, due) => {
    const make = async (length: number | null) => {
      const profile = rootProfile('x', length, 3650);
      const own = memoryCa({ profiles: [profile] });
      const fleet = await own.fleet('x');
      const wish = { keyAlgorithm: 'ec-p256', profile: 'x', commonName: null } as const;
      const { generation } = await createAuthority(own.ca, own.act(), fleet, {
        ...wish,
        name: 'r',
        kind: 'root',
      });
      await own.close();
      return parseCertificate(generation.certificate);
    };
    expect(linkPathLength(await make(subject), await make(signer), below)).toEqual({ pathLength: due });
  });
});

it('a root near its end signs no link, and that is told of', async () => {
  const { ca, act, fleet } = await twoRoots('ending', 'any');
  expect(await makeLinks(ca, act, fleet, 'root', 2)).toEqual([
    expect.stringMatching(/^There is no link from generation 1 to generation 2: it is near its end/),
  ]);
});
