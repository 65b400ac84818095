import { PkiError } from '../errors.ts';
import { requestedExtensions, requestedSubject } from '../policy/index.ts';
import { assembleCsr, encodeCsrInfo, parsePublicKey } from '../x509/index.ts';
import {
  type AuthorityWish,
  commonNameFor,
  profileFor,
  takeKey,
  verifyNameIsFree,
  verifyNewName,
} from './authorities.ts';
import { recordKey, verifyKeyAlgorithm } from './authority-key.ts';
import type { CaContext } from './context.ts';
import type { Act, AuthorityRequest, Fleet } from './ledger-records.ts';
import { verifyFreeForNext } from './rotation.ts';
import { signAndVerify } from './sign-with.ts';

/** A request for an authority's certificate, PKCS#10. */
export interface RequestedAuthority {
  readonly request: AuthorityRequest;
  readonly csr: Uint8Array;
  /** True where it was asked for before: the key is the same. */
  readonly isKnown: boolean;
  readonly warnings: readonly string[];
}

async function signRequest(ca: CaContext, { keyId, info }: AuthorityRequest): Promise<Uint8Array> {
  const signer = await ca.keystore.open(keyId);
  return assembleCsr(info, signer.algorithm, await signAndVerify(signer, info));
}

/**
 * Makes the key of an issuing authority that another CA is to certify, and its request: of a new authority, or of
 * the next generation of one that there is. While that is open, the same is given again, signed anew. Refuses as
 * `createAuthority` and `stageGeneration` do.
 */
export async function requestAuthority(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  wish: AuthorityWish,
): Promise<RequestedAuthority> {
  const open = await ca.ledger.findAuthorityRequest(fleet.id, wish.name);
  if (open) return { request: open, csr: await signRequest(ca, open), isKnown: true, warnings: [] };
  const line = (await ca.ledger.listGenerations(fleet.id)).filter(({ authority }) => authority === wish.name);
  const place = line.length === 0 ? 'first' : 'next';
  if (place === 'first') await verifyNameIsFree(ca, fleet, wish);
  else if (line[0]?.kind !== 'issuing')
    throw new PkiError('bad-request', 'A certificate is asked for issuing authorities alone.');
  else verifyFreeForNext(line);
  const profile = profileFor(ca, fleet, 'issuing', wish.profile);
  if (!wish.token?.key) verifyKeyAlgorithm(ca, fleet, wish.keyAlgorithm);
  const number = place === 'first' ? 1 : await ca.rotation.nextGeneration(fleet.id, wish.name);
  const commonName = commonNameFor(fleet, wish, number);
  verifyNewName(line, commonName);
  const { keyId, signer, warnings } = await takeKey(ca, fleet, wish);
  const info = encodeCsrInfo({
    subject: requestedSubject(profile, commonName),
    publicKey: signer.publicKey,
    extensions: requestedExtensions(profile),
  });
  const request = await recordKey(ca, keyId, () =>
    ca.ledger.recordAuthorityRequest(act, {
      fleetId: fleet.id,
      authority: wish.name,
      place,
      profile: profile.name,
      keyId,
      keyDigest: parsePublicKey(signer.publicKey).digest,
      info,
    }),
  );
  return { request, csr: await signRequest(ca, request), isKnown: false, warnings };
}
