import { createHash } from 'node:crypto';
import { encodeNull, encodeOctetString, encodeOid, encodeSequence, OID } from '../../asn1/index.ts';
import { DIGEST_DIGITS, type Keystore, type Signer, TOKEN_SUFFIX } from '../../ca/index.ts';
import { PkiError } from '../../errors.ts';
import type { Random } from '../../random.ts';
import {
  digestOf,
  importPublicKey,
  isSignatureValid,
  parsePublicKey,
  type SignatureAlgorithm,
  signatureAlgorithmFor,
} from '../../x509/index.ts';
import { ecdsaValue } from './token-key.ts';
import { type Connection, type TokenLink, unavailable } from './token-link.ts';
import type { FoundKey, KeySearch } from './token-messages.ts';
import { TokenFailure } from './token-process.ts';

/** What a key signs once when it is opened. Not DER, so it is no part of a certificate. */
const PROBE = Buffer.from('fleetca: a private key and its public half');

/** A refused signature is asked for again after so long, where the link does not say otherwise. */
const RETRY_SECONDS = 1;

const DIGESTS: Readonly<Record<string, string>> = {
  sha256: OID.sha256,
  sha384: OID.sha384,
  sha512: OID.sha512,
};

/**
 * What the token signs. Its hash is ours to make: few tokens hash for ECDSA, and a CRL would be megabytes. RSA
 * (CKM_RSA_PKCS) takes a DigestInfo (RFC 8017, 9.2, note 1).
 */
function inputFor(algorithm: SignatureAlgorithm, octets: Uint8Array, isEc: boolean): Uint8Array {
  const hash = digestOf(algorithm) ?? 'sha256';
  const digest = createHash(hash).update(octets).digest();
  if (isEc) return digest;
  const identifier = encodeSequence(encodeOid(DIGESTS[hash] ?? OID.sha256), encodeNull());
  return encodeSequence(identifier, encodeOctetString(digest));
}

/** Where the key with an id is looked for. */
function searchFor(keyId: string): KeySearch {
  if (!keyId.endsWith(TOKEN_SUFFIX.adopted)) return { label: keyId };
  return { digest: keyId.slice(0, -TOKEN_SUFFIX.adopted.length).slice(-DIGEST_DIGITS) };
}

const badWish = (message: string): PkiError => new PkiError('bad-request', message);

const toRefusal = (failure: unknown): unknown => {
  if (!(failure instanceof TokenFailure)) return failure;
  if (failure.fault.about === 'wish') return badWish(failure.fault.message);
  return unavailable(failure, RETRY_SECONDS);
};

/** Runs one step with the token; what it throws is a refusal. */
async function withRefusals<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (failure) {
    throw toRefusal(failure);
  }
}

/** What the token cannot make, it says in one of these words. */
const NOT_MADE: ReadonlySet<string> = new Set([
  'CKR_MECHANISM_INVALID',
  'CKR_CURVE_NOT_SUPPORTED',
  'CKR_DOMAIN_PARAMS_INVALID',
  'CKR_KEY_SIZE_RANGE',
  'CKR_ATTRIBUTE_VALUE_INVALID',
  'CKR_TEMPLATE_INCONSISTENT',
]);

/**
 * The keystore over a token. Signers keep through a loss of the token: each asks for its key anew in every connection,
 * and it must be the same key. `generate` rejects with a plain `Error` where the id is taken.
 */
export function openTokenKeystore(link: TokenLink, random: Random): Keystore {
  /** Of each connection the keys that were found in it. */
  const found = new WeakMap<Connection, Map<string, Promise<FoundKey | null>>>();
  const signers = new Map<string, Promise<Signer>>();

  async function search(connection: Connection, by: KeySearch): Promise<FoundKey | null> {
    return (await connection.ask({ ask: 'find', by }, 'found')).found;
  }

  function keyIn(connection: Connection, keyId: string): Promise<FoundKey | null> {
    const known = found.get(connection) ?? new Map<string, Promise<FoundKey | null>>();
    found.set(connection, known);
    const before = known.get(keyId);
    if (before) return before;
    const searching = search(connection, searchFor(keyId));
    known.set(keyId, searching);
    // Neither a failure nor that it is not there is remembered: it may be put there.
    searching.then(
      (key) => key ?? known.delete(keyId),
      () => known.delete(keyId),
    );
    return searching;
  }

  function missing(keyId: string): PkiError {
    return new PkiError('signer-unavailable', `The key ${keyId} is not in the token.`, {
      facts: { keyId, reason: 'missing' },
    });
  }

  async function read(keyId: string): Promise<Signer> {
    const key = await keyIn(await link.connection(), keyId);
    if (!key) throw missing(keyId);
    const publicKey = parsePublicKey(key.publicKey);
    const { kind } = publicKey.key;
    const algorithm = signatureAlgorithmFor(publicKey.key);
    const signer: Signer = {
      algorithm,
      portable: null,
      publicKey: publicKey.spki,
      sign: (tbs) =>
        withRefusals(async () => {
          const connection = await link.connection();
          const now = await keyIn(connection, keyId);
          if (!now) throw missing(keyId);
          if (Buffer.compare(now.publicKey, publicKey.spki) !== 0) {
            throw new PkiError('signer-unavailable', `The token has another key under ${keyId}.`, {
              facts: { keyId, reason: 'changed' },
            });
          }
          const input = inputFor(algorithm, tbs, kind === 'ec');
          const { signature } = await connection.ask({ ask: 'sign', key: now.key, input }, 'signed');
          return kind === 'ec' ? ecdsaValue(signature) : signature;
        }),
    };
    const signature = await signer.sign(PROBE);
    if (!isSignatureValid(algorithm, kind, importPublicKey(publicKey), PROBE, signature)) {
      throw new PkiError('broken-key', 'The private key in the token does not fit its own public half.', {
        facts: { keyId },
      });
    }
    return signer;
  }

  async function open(keyId: string): Promise<Signer> {
    // While the token is away nothing is begun for it: what would be recorded could not be signed.
    await link.connection();
    const known = signers.get(keyId);
    if (known) return known;
    const opening = withRefusals(() => read(keyId));
    signers.set(keyId, opening);
    opening.catch(() => signers.delete(keyId));
    return opening;
  }

  /** Both halves. Where they are there still, the token has not said so. */
  const remove = (keyId: string): Promise<void> =>
    withRefusals(async () => {
      signers.delete(keyId);
      const connection = await link.connection();
      await connection.ask({ ask: 'destroy', by: searchFor(keyId) }, 'destroyed');
      found.get(connection)?.delete(keyId);
      signers.delete(keyId);
      if (!(await search(connection, searchFor(keyId)))) return;
      throw new PkiError('signer-unavailable', `The token has not let go of the key ${keyId}.`, {
        facts: { keyId, reason: 'kept' },
      });
    });

  return {
    open,
    generate: async (keyId, algorithm) => {
      if (algorithm === 'ed25519') {
        throw new PkiError('algorithm-not-allowed', 'Keys in a token are of EC (P-256, P-384) or RSA.');
      }
      await withRefusals(async () => {
        const connection = await link.connection();
        if (await keyIn(connection, keyId)) throw new Error(`the key id ${keyId} is taken`);
        const id = random.bytes(16);
        try {
          await connection.ask({ ask: 'generate', keyId, algorithm, id }, 'found');
        } catch (failure) {
          if (failure instanceof TokenFailure && NOT_MADE.has(failure.fault.returnValue ?? '')) {
            const { returnValue } = failure.fault;
            const message = `The token makes no ${algorithm} keys (${returnValue}).`;
            throw new PkiError('algorithm-not-allowed', message, { cause: failure });
          }
          throw failure;
        }
      });
      return open(keyId);
    },
    adopt: async () => {
      throw badWish('A token takes in no key from outside: import it into a file, or make one in the token.');
    },
    findHeld: (name) =>
      withRefusals(async () => {
        const key = await search(await link.connection(), { name });
        if (!key) throw badWish(`The token has no key with the label or id ${JSON.stringify(name)}.`);
        const warnings = [
          ...(key.extractable ? ['The token may give this key away: it is extractable.'] : []),
          ...(key.local ? [] : ['This key was not made in the token: there may be copies of it.']),
        ];
        return { publicKey: parsePublicKey(key.publicKey).spki, warnings };
      }),
    discard: async (keyId) => {
      signers.delete(keyId);
      if (!keyId.endsWith(TOKEN_SUFFIX.adopted)) await remove(keyId);
    },
    destroy: remove,
  };
}
