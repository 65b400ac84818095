import { PkiError } from '../errors.ts';
import { fitsIdPattern, verifyIdPattern } from './id-pattern.ts';
import type { Role, TokenBounds } from './ports.ts';

/** A token that is bound to nothing beyond its role and fleet. */
export const UNBOUND: TokenBounds = {
  quota: { total: null, perHour: null },
  labels: {},
  profiles: [],
  idPattern: null,
};

const isUnbound = ({ quota, labels, profiles, idPattern }: TokenBounds): boolean =>
  quota.total === null &&
  quota.perHour === null &&
  Object.keys(labels).length === 0 &&
  profiles.length === 0 &&
  idPattern === null;

/** Roles that ask for certificates. */
const ASKING: readonly Role[] = ['station', 'security'];

/**
 * Checks what a new token is to be bound to. Refuses `bad-request`: bounds on a role that asks for
 * nothing, a quota that is no whole number from 1 on, a pattern that is none.
 */
export function verifyTokenBounds(role: Role, bounds: TokenBounds): void {
  if (isUnbound(bounds)) return;
  if (!ASKING.includes(role)) {
    throw new PkiError(
      'bad-request',
      `A token of role ${role} asks for no certificates: it takes no bounds.`,
    );
  }
  const { quota, idPattern } = bounds;
  for (const count of [quota.total, quota.perHour]) {
    if (count === null || (Number.isSafeInteger(count) && count >= 1)) continue;
    throw new PkiError('bad-request', 'A quota is a whole number from 1 on.');
  }
  if (idPattern !== null) verifyIdPattern(idPattern);
}

const notGranted = (message: string): PkiError => new PkiError('not-granted', message);

/** Refuses `not-granted`: the token does not ask under this profile. */
export function verifyProfileGranted({ profiles }: TokenBounds, profile: string): void {
  if (profiles.length === 0 || profiles.includes(profile)) return;
  throw notGranted(`This token asks under the profiles ${profiles.join(', ')} alone, not under ${profile}.`);
}

/** The profile of requests that name none: `usual` where the token may, else the first that it may. */
export const defaultProfile = ({ profiles }: TokenBounds, usual: string): string =>
  profiles.includes(usual) ? usual : (profiles[0] ?? usual);

/** Refuses `not-granted`: the ID does not fit the token's pattern. */
export function verifyIdGranted({ idPattern }: TokenBounds, deviceId: string): void {
  if (idPattern === null || fitsIdPattern(idPattern, deviceId)) return;
  throw notGranted(`This token asks for device IDs of the form ${idPattern} alone.`);
}

/**
 * The labels that a certificate gets: the token's, and those that the request names. Refuses
 * `not-granted` where it names one of the token's with another value. null: there are none.
 */
export function stampLabels(
  { labels: stamped }: TokenBounds,
  asked: Readonly<Record<string, string>> | null,
): Readonly<Record<string, string>> | null {
  for (const [name, value] of Object.entries(asked ?? {})) {
    if (!Object.hasOwn(stamped, name) || stamped[name] === value) continue;
    throw notGranted(`This token stamps the label ${name} with a value of its own.`);
  }
  if (asked === null && Object.keys(stamped).length === 0) return null;
  return { ...asked, ...stamped };
}
