import { OID } from '../../../src/asn1/index.ts';
import { type Generation, generationCertificate, hasLists } from '../../../src/ca/index.ts';
import { attributesOf, findExtension, parseCrl } from '../../../src/x509/index.ts';
import { isTrusted, type Line, type Member, type Model, nameOf, rootOf, standing } from './model.ts';
import type { World } from './world.ts';

const fail = (what: string): never => {
  throw new Error(`it does not hold: ${what}`);
};

const LINES: readonly Line[] = ['root', 'line-7'];

/** One issues, unless its key was lost: never none, and never two. */
function verifyOneIssues({ members }: Model): void {
  for (const line of LINES) {
    const own = members.filter((one) => one.line === line);
    const active = own.filter(({ state }) => state === 'active');
    if (active.length > 1) fail(`${line} has ${active.length} that issue`);
    if (active.length === 0 && !own.some(({ state }) => state === 'compromised'))
      fail(`${line} has none that issues`);
  }
}

const isOut = (member: Member | undefined): boolean => member === undefined || !isTrusted(member);

/** Whoever has a valid certificate is let in, unless somebody decided otherwise. */
function verifyNobodyIsCutOff(model: Model): void {
  for (const member of model.members) {
    // Of what was withdrawn the devices were cut off then, and its root may go as well.
    if (member.withdrawn || standing(model, member).length === 0) continue;
    const above = [member, ...(member.root === null ? [] : [rootOf(model, member)])];
    for (const one of above)
      if (isOut(one) && one?.withdrawn !== true)
        fail(
          `certificates stand under ${nameOf(member)}, and ${one ? nameOf(one) : 'its root'} is not trusted`,
        );
  }
  // What may issue, or soon will, is accepted.
  for (const member of model.members.filter(({ state }) => state === 'active'))
    if (isOut(member) || isOut(rootOf(model, member))) fail(`${nameOf(member)} issues, and is not trusted`);
}

/** What an issuer's CRL was when it was looked at last. */
const seen = new WeakMap<World, Map<number, { readonly number: number; readonly isSealed: boolean }>>();

async function verifyList(world: World, model: Model, generation: Generation): Promise<void> {
  const known = seen.get(world) ?? new Map();
  seen.set(world, known);
  const { published, isSealed } = await world.store.findListState(generation.id);
  const name = `${generation.authority}/${generation.number}`;
  const before = known.get(generation.id);
  if (published) {
    if (before && published.number < before.number) fail(`the CRL number of ${name} fell`);
    if (before?.isSealed && published.number !== before.number) fail(`${name} has a CRL after its last`);
    known.set(generation.id, { number: published.number, isSealed });
  }
  if (generation.key !== 'destroyed') return;
  if (world.keystore.held().includes(generation.keyId)) fail(`the key of ${name} is there`);
  if (!hasLists(generation)) return;
  const list = await world.store.findList(generation.id);
  const { nextUpdate } = parseCrl(list?.der ?? new Uint8Array(0));
  const ends = model.leaves
    .filter((one) => one.line === generation.authority && one.number === generation.number)
    .map(({ end }) => end);
  const last = Math.max(generationCertificate(generation).notAfter.getTime(), ...ends);
  if (nextUpdate.getTime() <= last) fail(`something outlives the last CRL of ${name}`);
}

function verifyNames(generations: readonly Generation[]): void {
  const keyIds = generations.map((one) => {
    const certificate = generationCertificate(one);
    const id = findExtension(certificate, OID.subjectKeyIdentifier)?.value;
    return Buffer.from(id ?? new Uint8Array(0)).toString('hex');
  });
  if (new Set(keyIds).size !== generations.length) fail('two generations have one key identifier');
  for (const one of generations.filter(({ number }) => number > 1)) {
    const name = attributesOf(generationCertificate(one).subject, OID.commonName)[0]?.value ?? '';
    if (!name.endsWith(` G${one.number}`)) fail(`${name} does not say generation ${one.number}`);
  }
}

/** A key that is not destroyed is there: nobody has lost it on the way. */
function verifyKeysAreThere(world: World, generations: readonly Generation[]): void {
  const held = world.keystore.held();
  for (const { key, keyId, authority, number } of generations)
    if (key === 'kept' && !held.includes(keyId)) fail(`the key of ${authority}/${number} is gone`);
}

/** What holds after every command, whatever it was and wherever it broke off. */
export async function verifyInvariants(model: Model, world: World): Promise<void> {
  verifyOneIssues(model);
  verifyNobodyIsCutOff(model);
  const generations = await world.generations();
  verifyNames(generations);
  verifyKeysAreThere(world, generations);
  for (const generation of generations) await verifyList(world, model, generation);
}
