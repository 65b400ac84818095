/**
 * Keys of authorities in encrypted files and in a token, behind the authority's ports `Keystore` and `Signer`.
 * The only room that opens `keys/` and speaks PKCS#11. A private key never leaves it, no secret enters a message,
 * and a file that holds one is 0600 from its first octet.
 */
export * from './file-keystore.ts';
export * from './key-folder.ts';
export * from './keystores.ts';
export * from './passphrase.ts';
export * from './passphrase-shares.ts';
export { openToken, type Token } from './pkcs11/token.ts';
export type { TokenKey, TokenKeyKind } from './pkcs11/token-key.ts';
export { openTokenKeystore } from './pkcs11/token-keystore.ts';
export { openTokenLink, type TokenLink } from './pkcs11/token-link.ts';
export * from './secret-file.ts';
export * from './setup-error.ts';
export { SHARE_LINES } from './share-line.ts';
export * from './throw-away-key.ts';
