import type { LayoutName } from '../../bundle/index.ts';

/** Said again here, so that help loads nothing; a word that is no layout does not compile. */
export const LAYOUTS = [
  'device',
  'hsm',
  'token',
  'ota-ce',
  'foundries',
  'aws-iot',
  'p12',
  'pem',
] as const satisfies readonly LayoutName[];
