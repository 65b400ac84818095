import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { type CredentialsContents, decodeText, type Finding, findingAt } from './credentials-finding.ts';

/** A key as the Uptane tools write it: RSA in PEM, Ed25519 in hex. */
const keySchema = z.looseObject({
  keytype: z.string(),
  keyval: z.looseObject({ public: z.string().optional(), private: z.string().optional() }),
});

const rootSchema = z.looseObject({
  signed: z.looseObject({
    _type: z.string(),
    expires: z.string().max(64),
    keys: z.record(z.string(), keySchema),
    roles: z.looseObject({ targets: z.looseObject({ keyids: z.array(z.string()) }) }),
  }),
});

function read<T>(schema: z.ZodType<T>, octets: Uint8Array | undefined): T | undefined {
  if (octets === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(decodeText(octets) ?? '')).data;
  } catch {
    // Not JSON: the message would quote what may be a secret.
    return undefined;
  }
}

type UptaneKey = z.infer<typeof keySchema>;

/** PKCS#8 and SubjectPublicKeyInfo of Ed25519 up to their 32 octets (RFC 8410, 7 and 4). */
const ED25519_PRIVATE = Buffer.from('302e020100300506032b657004220420', 'hex');
const ED25519_PUBLIC = Buffer.from('302a300506032b6570032100', 'hex');

function importPrivate(keytype: string, text: string): KeyObject {
  if (keytype.toUpperCase() !== 'ED25519') return createPrivateKey(text);
  // With or without the public half after it.
  const seed = Buffer.from(text, 'hex').subarray(0, 32);
  return createPrivateKey({ key: Buffer.concat([ED25519_PRIVATE, seed]), format: 'der', type: 'pkcs8' });
}

function importPublic(keytype: string, text: string): KeyObject {
  if (keytype.toUpperCase() !== 'ED25519') return createPublicKey(text);
  return createPublicKey({
    key: Buffer.concat([ED25519_PUBLIC, Buffer.from(text, 'hex')]),
    format: 'der',
    type: 'spki',
  });
}

const spki = (key: KeyObject): string => key.export({ format: 'der', type: 'spki' }).toString('hex');

/** The public key, for comparison; undefined where it cannot be read. */
function publicOf(key: UptaneKey | undefined, half: 'public' | 'private'): string | undefined {
  const text = key?.keyval[half];
  if (key === undefined || text === undefined) return undefined;
  try {
    return spki(
      half === 'public' ? importPublic(key.keytype, text) : createPublicKey(importPrivate(key.keytype, text)),
    );
  } catch {
    return undefined;
  }
}

function keyFindings(contents: CredentialsContents): readonly Finding[] {
  const halves = [
    ['targets.pub', 'public'],
    ['targets.sec', 'private'],
  ] as const;
  const read = halves.map(([name, half]) => ({ name, half, key: publicKeyIn(contents, name, half) }));
  const bad = read.filter(({ name, key }) => contents.has(name) && key === undefined);
  const [open, secret] = read;
  const differ = open?.key !== undefined && secret?.key !== undefined && open.key !== secret.key;
  return [
    ...bad.map(({ name, half }) =>
      findingAt(name).error(`is not a ${half} key in JSON, as the Uptane tools have it`),
    ),
    ...(differ ? [findingAt('targets.sec').error('is not the secret half of targets.pub')] : []),
  ];
}

const publicKeyIn = (contents: CredentialsContents, name: string, half: 'public' | 'private') =>
  publicOf(read(keySchema, contents.get(name)), half);

function rootFindings(contents: CredentialsContents, now: Date): readonly Finding[] {
  const octets = contents.get('root.json');
  if (octets === undefined) return [];
  const { error } = findingAt('root.json');
  const signed = read(rootSchema, octets)?.signed;
  if (signed === undefined || signed._type.toLowerCase() !== 'root')
    return [error('is no Uptane root metadata')];
  const expires = new Date(signed.expires);
  const targets = publicKeyIn(contents, 'targets.pub', 'public');
  const known = signed.roles.targets.keyids.map((id) => publicOf(signed.keys[id], 'public'));
  return [
    ...(expires > now ? [] : [error(`expired on ${signed.expires}`)]),
    ...(targets !== undefined && !known.includes(targets)
      ? [findingAt('targets.pub').error('is not a key that root.json names for targets')]
      : []),
  ];
}

/** Judges root.json, targets.pub and targets.sec, as far as they are there: form, dates, and whether they fit. */
export const uptaneFindings = (contents: CredentialsContents, now: Date): readonly Finding[] => [
  ...rootFindings(contents, now),
  ...keyFindings(contents),
];
