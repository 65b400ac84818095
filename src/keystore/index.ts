/**
 * Keys of authorities in encrypted files, behind the authority's ports `Keystore` and `Signer`.
 * The only room that opens `keys/`. A private key never leaves it, no secret enters a message, and a
 * file that holds one is 0600 from its first octet.
 */
export * from './file-keystore.ts';
export * from './key-folder.ts';
export * from './passphrase.ts';
export { openToken, type Token } from './pkcs11/token.ts';
export type { TokenKey, TokenKeyKind } from './pkcs11/token-key.ts';
export * from './secret-file.ts';
export * from './setup-error.ts';
