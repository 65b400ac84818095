import { expect, it } from 'vitest';
import type { RefusalCode } from '../../src/errors.ts';
import { REFUSAL_CODES } from '../../src/errors.ts';
import {
  deviceCertificateRoutes,
  guardedRoutes,
  openRoutes,
  publicRoutes,
  registrationRoutes,
} from '../../src/http/routes.ts';
import { openapi, operations } from '../support/openapi.ts';

const nameOf = ({ method, path }: { method: string; path: string }): string =>
  `${method} ${path.replace(/:([A-Za-z]+)/g, '{$1}')}`;

const sorted = (names: readonly string[]): readonly string[] => [...names].sort();

const mutualRoutes = [...registrationRoutes, ...deviceCertificateRoutes];

it('every route is in openapi.yaml, and every operation there is a route', () => {
  const routes = sorted([...guardedRoutes, ...openRoutes, ...mutualRoutes].map(nameOf));
  expect(routes).toEqual(sorted(operations.map(nameOf)));
});

it('the routes that are open in openapi.yaml are those that are open', () => {
  const open = operations.filter(({ roles, isMutual }) => roles === null && !isMutual);
  expect(sorted(open.map(nameOf))).toEqual(sorted(openRoutes.map(nameOf)));
});

it('the routes of the mutual-TLS listener are those that take a client certificate', () => {
  const mutual = operations.filter(({ isMutual }) => isMutual);
  expect(sorted(mutual.map(nameOf))).toEqual(sorted(mutualRoutes.map(nameOf)));
});

it('every operation behind a token says which roles may call it', () => {
  for (const { id, roles } of operations) expect(roles === null || roles.length > 0, id).toBe(true);
});

it('the plain HTTP site has the operations that are tagged publication, and no others', () => {
  const published = operations.filter(({ path }) => path.startsWith('/pki/'));
  expect(sorted(publicRoutes.map(nameOf))).toEqual(sorted(published.map(nameOf)));
});

it('openapi.yaml lists each refusal code', () => {
  const listed = openapi.components.schemas.ProblemCode?.enum as readonly RefusalCode[];
  expect(sorted(listed)).toEqual(sorted(REFUSAL_CODES));
});
