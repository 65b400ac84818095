import type { BundleFile } from './layout.ts';

/** The files of one device, in its folder. */
export interface BundleFolder {
  readonly name: string;
  readonly files: readonly BundleFile[];
  /** The time that every file of it carries. */
  readonly modified: Date;
}
