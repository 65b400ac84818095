import type { BundleFile } from './layout.ts';

/** Files that belong together: of one device, or what stands beside all of them. */
export interface BundleFolder {
  /** '' is the archive's root. */
  readonly name: string;
  readonly files: readonly BundleFile[];
  /** The time that every file of it carries. */
  readonly modified: Date;
}
