import { LocalFailure } from './local-failure.ts';

/** How a lot is sent: what the service is told of its octets. */
export interface LotType {
  readonly contentType: string;
  readonly encoding?: 'gzip';
}

const NDJSON: LotType = { contentType: 'application/x-ndjson' };

/** By the file's name, the longest ending first. Anything else is NDJSON, as stdin is. */
const TYPES: readonly (readonly [RegExp, LotType])[] = [
  [/\.(?:tar\.gz|tgz)$/i, { contentType: 'application/gzip' }],
  [/\.tar$/i, { contentType: 'application/x-tar' }],
  [/\.zip$/i, { contentType: 'application/zip' }],
  [/\.csv$/i, { contentType: 'text/csv' }],
  [/\.csv\.gz$/i, { contentType: 'text/csv', encoding: 'gzip' }],
  [/\.(?:ndjson|jsonl)\.gz$/i, { ...NDJSON, encoding: 'gzip' }],
];

export const lotTypeOf = (file: string): LotType =>
  TYPES.find(([ending]) => ending.test(file))?.[1] ?? NDJSON;

/** A form that bundles of a lot are fetched in: the end of the path, and what is asked for with it. */
interface BundlesForm {
  readonly name: string;
  readonly query?: { readonly gzip: 'true' };
}

/** By the end of the file's name. */
const BUNDLES: readonly (readonly [RegExp, BundlesForm])[] = [
  [/\.(?:tar\.gz|tgz)$/i, { name: 'bundles.tar', query: { gzip: 'true' } }],
  [/\.tar$/i, { name: 'bundles.tar' }],
  [/\.zip$/i, { name: 'bundles.zip' }],
];

/** Refuses `usage` where the file's name says none of the forms. */
export function bundlesFor(file: string): BundlesForm {
  const found = BUNDLES.find(([ending]) => ending.test(file))?.[1];
  if (found !== undefined) return found;
  throw new LocalFailure('usage', `${file} must end with .tar, .tar.gz or .zip: that says in which form.`);
}
