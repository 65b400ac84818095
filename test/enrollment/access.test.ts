import { describe, expect, it } from 'vitest';
import {
  isAllowed,
  maySupersede,
  type Permission,
  type Requester,
  RIGHTS,
  ROLES,
  type Role,
  UNBOUND,
  verifyAccess,
} from '../../src/enrollment/index.ts';
import { codeOf, refusalOf } from '../support/refusal.ts';

const requester = (role: Role, more: Partial<Requester> = {}): Requester => ({
  id: '0011223344556677',
  name: 'someone',
  role,
  rights: [],
  fleet: null,
  bounds: UNBOUND,
  ...more,
});

/** The whole table, said again: a permission that moves must move here too. */
const TABLE: Readonly<Record<Permission, readonly Role[]>> = {
  'fleet:create': ['admin'],
  'fleet:change': ['admin'],
  'fleet:read': ['admin', 'security', 'auditor'],
  'token:manage': ['admin'],
  'authority:create': ['security'],
  'authority:read': ['admin', 'security', 'auditor'],
  'certificate:request': ['security', 'station'],
  'certificate:read': ['security', 'station', 'auditor'],
  'certificate:import': ['security'],
  'device:scrap': ['security'],
  'handshake:report': ['security'],
  'certificate:revoke': ['security'],
  'bundle:try': ['security', 'station'],
  'key:release': ['security'],
  'registration:manage': ['security'],
  'registration:read': ['security', 'auditor'],
  'server:manage': ['security'],
  'server:read': ['security', 'auditor'],
  'outgoing:manage': ['security'],
  'outgoing:read': ['security', 'auditor'],
  'batch:read': ['security', 'station', 'auditor'],
  'audit:read': ['security', 'auditor'],
  'metrics:read': ['security', 'auditor'],
};
const PERMISSIONS = Object.keys(TABLE) as Permission[];

describe('who may what', () => {
  for (const role of ROLES) {
    for (const permission of PERMISSIONS) {
      const may = TABLE[permission].includes(role);
      it(`${role} ${may ? 'may' : 'may not'} ${permission}`, () => {
        expect(isAllowed(requester(role), permission, 'demo')).toBe(may);
        expect(codeOf(() => verifyAccess(requester(role), permission, 'demo', 'fleet'))).toBe(
          may ? 'taken' : 'not-found',
        );
      });
    }
  }

  it('a token that is bound to a fleet does nothing in another, nor in the service as a whole', () => {
    for (const role of ROLES) {
      const bound = requester(role, { fleet: 'demo' });
      for (const permission of PERMISSIONS) {
        expect(isAllowed(bound, permission, 'demo')).toBe(TABLE[permission].includes(role));
        for (const fleet of ['other', 'Demo', 'demo ', '', null]) {
          expect(isAllowed(bound, permission, fleet)).toBe(false);
        }
      }
    }
  });

  it('"not yours", "not there" and "not your role" are told alike', () => {
    const answers = [
      refusalOf(() =>
        verifyAccess(requester('station', { fleet: 'demo' }), 'certificate:read', 'other', 'fleet'),
      ),
      refusalOf(() =>
        verifyAccess(requester('station', { fleet: 'demo' }), 'certificate:read', 'nowhere', 'fleet'),
      ),
      refusalOf(() => verifyAccess(requester('station', { fleet: 'demo' }), 'audit:read', 'demo', 'fleet')),
    ].map((refusal) => ({ code: refusal?.code, message: refusal?.message, facts: refusal?.facts }));
    expect(answers[0]?.code).toBe('not-found');
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it('role security may supersede, and a token that carries the right; no other', () => {
    for (const role of ROLES) {
      expect(maySupersede(requester(role))).toBe(role === 'security');
      expect(maySupersede(requester(role, { rights: RIGHTS }))).toBe(true);
    }
  });
});
