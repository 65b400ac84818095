import { PkiError } from '../errors.ts';
import type { Right, Role, TokenRecord } from './ports.ts';

/** Acts that a token may or may not do. Each route names one. */
export type Permission =
  | 'fleet:create'
  | 'fleet:change'
  | 'fleet:read'
  | 'token:manage'
  | 'authority:create'
  | 'authority:read'
  | 'certificate:request'
  | 'certificate:read'
  | 'certificate:import'
  | 'certificate:revoke'
  | 'bundle:try'
  | 'device:scrap'
  | 'handshake:report'
  | 'key:release'
  | 'registration:manage'
  | 'registration:read'
  | 'server:manage'
  | 'server:read'
  | 'outgoing:manage'
  | 'outgoing:read'
  | 'batch:read'
  | 'audit:read'
  | 'metrics:read';

/**
 * Who may what. An admin keeps fleets and tokens and never touches certificates; security keeps
 * authorities and may take back; a station asks, and reads what it asked for; an auditor reads.
 */
const ALLOWED: Readonly<Record<Role, readonly Permission[]>> = {
  admin: ['fleet:create', 'fleet:change', 'fleet:read', 'token:manage', 'authority:read'],
  security: [
    'fleet:read',
    'authority:create',
    'authority:read',
    'certificate:request',
    'certificate:read',
    'certificate:import',
    'certificate:revoke',
    'bundle:try',
    'device:scrap',
    'handshake:report',
    'key:release',
    'registration:manage',
    'registration:read',
    'server:manage',
    'server:read',
    'outgoing:manage',
    'outgoing:read',
    'batch:read',
    'audit:read',
    'metrics:read',
  ],
  station: ['certificate:request', 'certificate:read', 'bundle:try', 'batch:read'],
  auditor: [
    'fleet:read',
    'authority:read',
    'certificate:read',
    'batch:read',
    'registration:read',
    'server:read',
    'outgoing:read',
    'audit:read',
    'metrics:read',
  ],
};

/** What a right gives beyond the role. `supersede` is no call of its own: `maySupersede`. */
const GIVEN_BY_RIGHT: Readonly<Partial<Record<Right, Permission>>> = {
  'report-handshakes': 'handshake:report',
};

/** A token that was verified, as the requester of an act. */
export type Requester = Pick<TokenRecord, 'id' | 'name' | 'role' | 'rights' | 'fleet' | 'bounds'>;

/** "Not yours" and "not there" look the same, so that a token cannot be used to find out what exists. */
export const notFound = (what: string, role: Role): PkiError =>
  new PkiError('not-found', `There is no such ${what}, or a token of role ${role} may not do this with it.`);

const mayByRoleOrRight = ({ role, rights }: Requester, permission: Permission): boolean =>
  ALLOWED[role].includes(permission) || rights.some((right) => GIVEN_BY_RIGHT[right] === permission);

/** True if the requester may do this in this fleet (null: in the service as a whole). */
export const isAllowed = (requester: Requester, permission: Permission, fleet: string | null): boolean =>
  mayByRoleOrRight(requester, permission) && (requester.fleet === null || requester.fleet === fleet);

/** Refuses `not-found` where the requester may not. */
export function verifyAccess(
  requester: Requester,
  permission: Permission,
  fleet: string | null,
  what: string,
): void {
  if (!isAllowed(requester, permission, fleet)) throw notFound(what, requester.role);
}

/** `supersede` is for role security, and for tokens that carry the right. */
export const maySupersede = (requester: Requester): boolean =>
  requester.role === 'security' || requester.rights.includes('supersede');
