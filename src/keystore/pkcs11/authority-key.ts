import { createHash } from 'node:crypto';
import type { Handle, Template } from 'pkcs11js';
import { encodeOid, OID } from '../../asn1/index.ts';
import type { KeyAlgorithm } from '../../x509/index.ts';
import { attribute, readPublicKey, type TokenSession } from './token-key.ts';
import type { KeySearch } from './token-messages.ts';

/** A key pair of an authority, by its objects. */
export interface AuthorityKey {
  readonly privateKey: Handle;
  /** CKM_… */
  readonly mechanism: number;
  readonly publicKey: Uint8Array;
  readonly extractable: boolean;
  readonly local: boolean;
}

/** What a person asked for is not there, or not once. */
export class NoSuchKey extends Error {
  override readonly name = 'NoSuchKey';
}

function findAll({ library, session }: TokenSession, template: Template): readonly Handle[] {
  const found: Handle[] = [];
  library.C_FindObjectsInit(session, template);
  try {
    for (;;) {
      const page = library.C_FindObjects(session, 100);
      if (page.length === 0) return found;
      found.push(...page);
    }
  } finally {
    library.C_FindObjectsFinal(session);
  }
}

const objects = (token: TokenSession, kind: number, ...more: Template): readonly Handle[] =>
  findAll(token, [{ type: token.ck.CKA_CLASS, value: kind }, ...more]);

/** False where the token does not say, as it need not of attributes that a key has not. */
function isSet(token: TokenSession, object: Handle, type: number): boolean {
  try {
    return attribute(token, object, type)[0] === 1;
  } catch {
    return false;
  }
}

function pairOf(token: TokenSession, privateKey: Handle, publicKey: Handle): AuthorityKey {
  const { ck } = token;
  const isEc = attribute(token, publicKey, ck.CKA_KEY_TYPE).readUInt32LE(0) === ck.CKK_EC;
  return {
    privateKey,
    mechanism: isEc ? ck.CKM_ECDSA : ck.CKM_RSA_PKCS,
    publicKey: readPublicKey(token, publicKey),
    extractable: isSet(token, privateKey, ck.CKA_EXTRACTABLE),
    local: isSet(token, privateKey, ck.CKA_LOCAL),
  };
}

/** Both halves of a key have one CKA_ID (PKCS#11 2.40, 4.9); another pair may have it too, and is refused. */
function pairById(token: TokenSession, id: Buffer, title: string): AuthorityKey {
  const { ck } = token;
  const same = { type: ck.CKA_ID, value: id };
  const [privateKey, another] = objects(token, ck.CKO_PRIVATE_KEY, same);
  const [publicKey, other] = objects(token, ck.CKO_PUBLIC_KEY, same);
  if (!privateKey || !publicKey || another || other) {
    throw new NoSuchKey(
      `The token has not exactly one private and one public key under the id of ${title} (${id.toString('hex') || 'empty'}).`,
    );
  }
  return pairOf(token, privateKey, publicKey);
}

function findByLabel(token: TokenSession, label: string, title: string): AuthorityKey | undefined {
  const { ck } = token;
  const [privateKey, another] = objects(token, ck.CKO_PRIVATE_KEY, { type: ck.CKA_LABEL, value: label });
  if (!privateKey) return undefined;
  if (another)
    throw new NoSuchKey(`The token has several private keys labelled ${title}: name one by its id.`);
  return pairById(token, attribute(token, privateKey, ck.CKA_ID), title);
}

function findById(token: TokenSession, hex: string, title: string): AuthorityKey | undefined {
  if (!/^([0-9a-f]{2})+$/i.test(hex)) return undefined;
  const id = Buffer.from(hex, 'hex');
  const { ck } = token;
  if (objects(token, ck.CKO_PRIVATE_KEY, { type: ck.CKA_ID, value: id }).length === 0) return undefined;
  return pairById(token, id, title);
}

function findByDigest(token: TokenSession, digest: string): AuthorityKey | undefined {
  const { ck } = token;
  for (const publicKey of objects(token, ck.CKO_PUBLIC_KEY)) {
    let spki: Uint8Array;
    try {
      spki = readPublicKey(token, publicKey);
    } catch {
      // A key of a kind that we do not read is none of ours.
      continue;
    }
    if (!createHash('sha256').update(spki).digest('hex').startsWith(digest)) continue;
    return pairById(token, attribute(token, publicKey, ck.CKA_ID), 'the key that was adopted');
  }
  return undefined;
}

/** The key pair that is meant; undefined: there is none. Throws `NoSuchKey` where several could be. */
export function findAuthorityKey(token: TokenSession, by: KeySearch): AuthorityKey | undefined {
  if ('digest' in by) return findByDigest(token, by.digest);
  if ('label' in by) return findByLabel(token, by.label, by.label);
  const title = JSON.stringify(by.name);
  return findByLabel(token, by.name, title) ?? findById(token, by.name, title);
}

const CURVES: Readonly<Partial<Record<KeyAlgorithm, string>>> = {
  'ec-p256': OID.prime256v1,
  'ec-p384': OID.secp384r1,
};
const MODULUS_BITS: Readonly<Partial<Record<KeyAlgorithm, number>>> = { 'rsa-3072': 3072, 'rsa-4096': 4096 };

/** Makes a key pair that never leaves the token (CKA_SENSITIVE, not CKA_EXTRACTABLE). */
export async function generateAuthorityKey(
  token: TokenSession,
  label: string,
  { algorithm, id }: { readonly algorithm: KeyAlgorithm; readonly id: Buffer },
): Promise<AuthorityKey> {
  const { library, session, ck } = token;
  const curve = CURVES[algorithm];
  const bits = MODULUS_BITS[algorithm];
  const common = [
    { type: ck.CKA_TOKEN, value: true },
    { type: ck.CKA_ID, value: id },
    { type: ck.CKA_LABEL, value: label },
  ];
  const form =
    curve === undefined
      ? [
          { type: ck.CKA_MODULUS_BITS, value: bits ?? 0 },
          { type: ck.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
        ]
      : [{ type: ck.CKA_EC_PARAMS, value: Buffer.from(encodeOid(curve)) }];
  const mechanism = curve === undefined ? ck.CKM_RSA_PKCS_KEY_PAIR_GEN : ck.CKM_EC_KEY_PAIR_GEN;
  const pair = await library.C_GenerateKeyPairAsync(
    session,
    { mechanism },
    [...common, { type: ck.CKA_VERIFY, value: true }, ...form],
    [
      ...common,
      { type: ck.CKA_PRIVATE, value: true },
      { type: ck.CKA_SENSITIVE, value: true },
      { type: ck.CKA_EXTRACTABLE, value: false },
      { type: ck.CKA_SIGN, value: true },
    ],
  );
  return pairOf(token, pair.privateKey, pair.publicKey);
}

/** What both halves of a key have in common; undefined: there is no key. */
function commonOf(token: TokenSession, by: KeySearch): Template[number] | undefined {
  const { ck } = token;
  if ('label' in by) return { type: ck.CKA_LABEL, value: by.label };
  const key = findAuthorityKey(token, by);
  return key && { type: ck.CKA_ID, value: attribute(token, key.privateKey, ck.CKA_ID) };
}

/** Destroys both halves of a key; of a label, all that has it. */
export function destroyAuthorityKey(token: TokenSession, by: KeySearch): void {
  const { ck, library, session } = token;
  const same = commonOf(token, by);
  if (!same) return;
  for (const kind of [ck.CKO_PRIVATE_KEY, ck.CKO_PUBLIC_KEY])
    for (const object of objects(token, kind, same)) library.C_DestroyObject(session, object);
}
