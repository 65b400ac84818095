import type { Handle, PKCS11, TokenInfo } from 'pkcs11js';
import { KeystoreSetupError } from '../setup-error.ts';
import {
  attribute,
  findObjects,
  generateTokenKey,
  openTokenKey,
  type TokenKey,
  type TokenKeyKind,
  type TokenSession,
} from './token-key.ts';
import { withToken } from './token-refusal.ts';

/** Which token, and how it opens. */
export interface TokenPlace {
  /** Path of the PKCS#11 module. */
  readonly module: string;
  /** null: the only initialised token there is. */
  readonly label: string | null;
  readonly pin: string;
}

/** An open token, logged in. Calls take as long as the token takes; nothing else goes on meanwhile. */
export interface Token {
  readonly label: string;
  /** The key pair with an id; undefined: there is no private key with it. */
  findKey(id: Buffer): TokenKey | undefined;
  /** Makes a key pair that cannot leave the token. */
  generateKey(kind: TokenKeyKind, id: Buffer, label: string): TokenKey;
  /** Certificates with an id, DER. */
  listCertificates(id: Buffer): readonly Buffer[];
  /** Puts a certificate under an id, alone: the new one is there before the others go. */
  replaceCertificate(id: Buffer, label: string, certificate: Certificate): void;
  close(): void;
}

/** A certificate as PKCS#11 keeps it: beside the octets the names and the serial, each DER. */
export interface Certificate {
  readonly der: Uint8Array;
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly serial: Uint8Array;
}

const nameOf = ({ label }: TokenInfo): string => label.trim();

interface Found {
  readonly slot: Handle;
  readonly name: string;
  /** CKF_… of the token. */
  readonly flags: number;
}

/** The token that is meant. Throws `KeystoreSetupError` where none or several fit. */
export function findToken(
  library: PKCS11,
  initialised: number,
  { module, label }: Omit<TokenPlace, 'pin'>,
): Found {
  const tokens = withToken('looking for tokens', () =>
    library
      .C_GetSlotList(true)
      .map((slot) => ({ slot, info: library.C_GetTokenInfo(slot) }))
      .filter(({ info }) => (info.flags & initialised) !== 0)
      .map(({ slot, info }) => ({ slot, name: nameOf(info), flags: info.flags })),
  );
  const [first, second] = label === null ? tokens : tokens.filter(({ name }) => name === label);
  const there = tokens.map(({ name }) => `"${name}"`).join(', ') || 'none';
  if (!first) {
    const wanted = label === null ? 'an initialised token' : `a token labelled "${label}"`;
    throw new KeystoreSetupError([`${module} has not ${wanted}; there are: ${there}.`]);
  }
  if (second) {
    throw new KeystoreSetupError([
      label === null
        ? `${module} has several tokens: say which (${there}).`
        : `${module} has several tokens labelled "${label}".`,
    ]);
  }
  return first;
}

/** Loads and starts a module. Throws `KeystoreSetupError` where it is none. */
export function loadModule(ck: TokenSession['ck'], module: string): PKCS11 {
  const library = new ck.PKCS11();
  try {
    library.load(module);
  } catch (cause) {
    throw new KeystoreSetupError([`${module} cannot be loaded as a PKCS#11 module.`], { cause });
  }
  withToken('starting the module', () => library.C_Initialize({ flags: ck.CKF_OS_LOCKING_OK }));
  return library;
}

/** A private key needs its public half: what a certificate is for is read from there. */
function findKeyIn(token: TokenSession, id: Buffer): TokenKey | undefined {
  const { ck } = token;
  const [privateKeys, publicKeys] = withToken('looking for the key', () =>
    [ck.CKO_PRIVATE_KEY, ck.CKO_PUBLIC_KEY].map((kind) =>
      findObjects(token, [
        { type: ck.CKA_CLASS, value: kind },
        { type: ck.CKA_ID, value: id },
      ]),
    ),
  ) as [readonly Handle[], readonly Handle[]];
  const [privateKey, another] = privateKeys;
  if (!privateKey) return undefined;
  const hex = id.toString('hex');
  if (another) throw new KeystoreSetupError([`The token has several private keys with the id ${hex}.`]);
  const [publicKey, other] = publicKeys;
  if (!publicKey || other) {
    throw new KeystoreSetupError([
      `The token has a private key with the id ${hex} and ${publicKey ? 'several public keys' : 'no public key'} beside it.`,
    ]);
  }
  return openTokenKey(token, privateKey, publicKey);
}

function certificateHandles(token: TokenSession, id: Buffer): readonly Handle[] {
  const { ck } = token;
  return findObjects(token, [
    { type: ck.CKA_CLASS, value: ck.CKO_CERTIFICATE },
    { type: ck.CKA_ID, value: id },
  ]);
}

function replaceIn(token: TokenSession, id: Buffer, label: string, certificate: Certificate): void {
  const { library, session, ck } = token;
  const before = certificateHandles(token, id);
  library.C_CreateObject(session, [
    { type: ck.CKA_CLASS, value: ck.CKO_CERTIFICATE },
    { type: ck.CKA_CERTIFICATE_TYPE, value: ck.CKC_X_509 },
    { type: ck.CKA_TOKEN, value: true },
    { type: ck.CKA_PRIVATE, value: false },
    { type: ck.CKA_ID, value: id },
    { type: ck.CKA_LABEL, value: label },
    { type: ck.CKA_SUBJECT, value: Buffer.from(certificate.subject) },
    { type: ck.CKA_ISSUER, value: Buffer.from(certificate.issuer) },
    { type: ck.CKA_SERIAL_NUMBER, value: Buffer.from(certificate.serial) },
    { type: ck.CKA_VALUE, value: Buffer.from(certificate.der) },
  ]);
  for (const handle of before) library.C_DestroyObject(session, handle);
}

/**
 * Opens a token and logs in as its user. Rejects with `KeystoreSetupError` where module, token or PIN are
 * not as they must be, with `signer-unavailable` where the token fails otherwise.
 */
export async function openToken(place: TokenPlace): Promise<Token> {
  // Loaded here alone: nobody else needs the native library.
  const ck = (await import('pkcs11js')).default;
  const library = loadModule(ck, place.module);
  const close = (): void => {
    library.C_Finalize();
    library.close();
  };
  try {
    const { slot, name } = findToken(library, ck.CKF_TOKEN_INITIALIZED, place);
    const session = withToken('opening the token', () =>
      library.C_OpenSession(slot, ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION),
    );
    withToken('logging in', () => library.C_Login(session, ck.CKU_USER, place.pin));
    const token: TokenSession = { library, session, ck };
    return {
      label: name,
      findKey: (id) => findKeyIn(token, id),
      generateKey: (kind, id, label) => generateTokenKey(token, kind, id, label),
      listCertificates: (id) =>
        withToken('reading the certificate', () =>
          certificateHandles(token, id).map((handle) => attribute(token, handle, ck.CKA_VALUE)),
        ),
      replaceCertificate: (id, label, certificate) =>
        withToken('writing the certificate', () => replaceIn(token, id, label, certificate)),
      close,
    };
  } catch (failure) {
    close();
    throw failure;
  }
}
