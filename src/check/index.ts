/**
 * Tells before a device leaves what would happen to it: reads the files that it is handed, whoever made them,
 * judges them as the device, the gateway and the server will, and tries the handshake. The verdicts are pure;
 * what goes out to a gateway is in `probe/`. It changes nothing, registers nothing unasked, and tells no secret.
 */
export type { Trust } from './build-chain.ts';
export * from './check-bundle.ts';
export {
  checkFleet,
  type FleetAuthority,
  type FleetBundle,
  type FleetFacts,
  type FleetServer,
} from './check-fleet.ts';
export { checkRoot, isRootFile } from './check-root.ts';
export * from './codes.ts';
export type { Severity } from './finding.ts';
export * from './given-file.ts';
export { askWhetherAccepted } from './probe/accepted-ca.ts';
export { askForCaNames } from './probe/ca-names.ts';
export * from './probe/try-bundle.ts';
export * from './read-tar.ts';
export * from './read-zip.ts';
export * from './registers-devices.ts';
export * from './report.ts';
