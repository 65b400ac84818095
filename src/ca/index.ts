/**
 * The authority: fleets, roots and issuing authorities, and the cycle that issues a certificate. It
 * owns the ports to the ledger and the keys.
 * It never signs what is not on record, and nothing leaves it that is not on record as complete.
 */

export * from './all-fleets.ts';
export type { AuthorityResult, AuthorityWish } from './authorities.ts';
export {
  algorithmOf,
  createAuthority,
  generationWarnings,
  stageGeneration,
  verifyReadBack,
} from './authorities.ts';
export { isAuthorityKeyId } from './authority-key.ts';
export * from './certificate-status.ts';
export * from './compromise.ts';
export * from './context.ts';
export * from './decide.ts';
export * from './destroy.ts';
export * from './device-ports.ts';
export * from './expiry-ports.ts';
export * from './fleets.ts';
export * from './forecast.ts';
export * from './given-list.ts';
export * from './import-certificates.ts';
export * from './import-issuing.ts';
export * from './import-ports.ts';
export { type AuthorityImport, importRoot, readImportedKey } from './import-root.ts';
export * from './inline-steps.ts';
export * from './install-authority.ts';
export * from './issue.ts';
export * from './issue-together.ts';
export * from './issuer.ts';
export * from './keystore-ports.ts';
export * from './ledger-records.ts';
export * from './link-ports.ts';
export * from './links.ts';
export { importOfflineRoot } from './offline-root.ts';
export * from './ports.ts';
export * from './possession.ts';
export * from './prepare.ts';
export * from './registration.ts';
export * from './registration-ports.ts';
export * from './rehearse.ts';
export * from './renew.ts';
export { succeedRegistrationCa } from './renew-registration-ca.ts';
export * from './request-authority.ts';
export * from './restoration-ports.ts';
export * from './revocation-list.ts';
export * from './revocation-ports.ts';
export * from './revoke.ts';
export * from './rotation.ts';
export * from './rotation-ports.ts';
export * from './scrap.ts';
export * from './serial.ts';
export * from './server-ports.ts';
export * from './settle.ts';
export * from './sign-with.ts';
export * from './steps-ports.ts';
export * from './taken-link.ts';
export * from './taken-list.ts';
export * from './watch-authorities.ts';
export * from './watch-rotations.ts';
