import { z } from 'zod';
import type { Fleet } from '../ca/index.ts';
import { notFound } from '../enrollment/index.ts';
import type { Call } from './edge.ts';
import { pathParameter } from './web.ts';

/** Names of fleets and authorities: path segments, file names and the like. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const nameSchema = z.string().regex(NAME);

/** ub-common-name (RFC 5280, appendix A.1), of characters that print. */
export const commonNameSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[^\p{Cc}\p{Cf}]*$/u);

/** A reason that a person gives; U+0000 cannot be stored by every engine. */
export const reasonSchema = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\0]*$/);

const GENERATION = /^[1-9][0-9]{0,8}$/;

/** The name of the authority in the path. Refuses `not-found`. */
export function authorityIn({ req, requester }: Call): string {
  const name = pathParameter(req, 'authority');
  if (NAME.test(name)) return name;
  throw notFound('authority', requester.role);
}

/** The number of the generation in the path. Refuses `not-found`. */
export function generationIn({ req, requester }: Call): number {
  const number = pathParameter(req, 'generation');
  if (GENERATION.test(number)) return Number(number);
  throw notFound('generation', requester.role);
}

/** The fleet that the path names. Refuses `not-found`. */
export async function getFleet({ edge, req, requester }: Call): Promise<Fleet> {
  const name = pathParameter(req, 'fleet');
  const fleet = NAME.test(name) ? await edge.ca.ledger.findFleet(name) : undefined;
  if (!fleet) throw notFound('fleet', requester.role);
  return fleet;
}
