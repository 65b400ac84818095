import { type Certificate, encodeCertificatePem } from '../x509/index.ts';
import type { BundleContent, BundleLine } from './layout.ts';

const pem = (certificates: readonly Certificate[]): string =>
  certificates.map(({ der }) => encodeCertificatePem(der)).join('');

export const leafPem = ({ certificate }: BundleContent): string => pem([certificate]);

/** Leaf first, then the intermediates, no root: the first certificate's common name is the device ID. */
export const chainPem = ({ certificate, line }: BundleContent): string =>
  pem([certificate, ...line.issuers.slice(0, -1)]);

/** Leaf, intermediates and root. */
export const wholeChainPem = ({ certificate, line }: BundleContent): string =>
  pem([certificate, ...line.issuers]);

export const issuerPem = ({ issuers }: BundleLine): string => pem(issuers.slice(0, 1));

export const fleetRootPem = ({ issuers }: BundleLine): string => pem(issuers.slice(-1));

/** True where the fleet's root issued the device's certificate itself. */
export const isUnderRoot = ({ issuers }: BundleLine): boolean => issuers.length === 1;
