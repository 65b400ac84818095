import type { Supersede } from '../enrollment/index.ts';
import { LocalFailure } from './local-failure.ts';

export interface SupersedeOptions {
  readonly supersede?: string;
  readonly revokeOld?: NonNullable<Supersede['revokeOld']>;
}

/** As a request says it. Throws `usage` where it is said what becomes of the old certificate, and not why. */
export function supersedeOf({ supersede: reason, revokeOld }: SupersedeOptions): Supersede | undefined {
  if (reason !== undefined) return { reason, revokeOld };
  if (revokeOld === undefined) return undefined;
  throw new LocalFailure('usage', '--revoke-old goes with --supersede.');
}
