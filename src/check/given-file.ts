/** A file of a bundle, as it lies in its folder or archive. */
export interface GivenFile {
  /** From the root of the folder or archive, with `/` between. */
  readonly path: string;
  /** Permissions (0o600); null where nobody tells, as in many zips. */
  readonly mode: number | null;
  readonly content: Uint8Array;
}

export interface BundleLimits {
  readonly files: number;
  readonly fileOctets: number;
  /** Of all files together. */
  readonly octets: number;
}

/** A bundle has about five files of some kilobytes; the rest is room for whatever lies beside them. */
export const BUNDLE_LIMITS = {
  files: 4096,
  fileOctets: 1024 * 1024,
  octets: 64 * 1024 * 1024,
} as const satisfies BundleLimits;

export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
export const folderName = (path: string): string =>
  path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
