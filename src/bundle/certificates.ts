import { type Certificate, encodeCertificatePem } from '../x509/index.ts';
import type { BundleContent, BundleLine } from './layout.ts';

const pem = (certificates: readonly Certificate[]): string =>
  certificates.map(({ der }) => encodeCertificatePem(der)).join('');

export const leafPem = ({ certificate }: BundleContent): string => pem([certificate]);

/**
 * What a device sends: its leaf first, then the intermediates and, while a root is rotated, the link to the other
 * one; no root.
 */
export const sent = ({ certificate, line }: BundleContent): readonly Certificate[] => [
  certificate,
  ...line.issuers.slice(0, -1),
  ...line.links,
];

/** That, PEM: the first certificate's common name is the device ID. */
export const chainPem = (bundle: BundleContent): string => pem(sent(bundle));

/** Leaf, intermediates and root. */
export const wholeChainPem = ({ certificate, line }: BundleContent): string =>
  pem([certificate, ...line.issuers]);

export const issuerPem = ({ issuers }: BundleLine): string => pem(issuers.slice(0, 1));

export const fleetRootPem = ({ issuers }: BundleLine): string => pem(issuers.slice(-1));

/** True where the fleet's root issued the device's certificate itself. */
export const isUnderRoot = ({ issuers }: BundleLine): boolean => issuers.length === 1;
