import type { Layout } from './layout.ts';
import { awsIotLayout } from './layouts/aws-iot.ts';
import { deviceLayout } from './layouts/device.ts';
import { foundriesLayout } from './layouts/foundries.ts';
import { hsmLayout } from './layouts/hsm.ts';
import { otaCeLayout } from './layouts/ota-ce.ts';
import { p12Layout } from './layouts/p12.ts';
import { pemLayout } from './layouts/pem.ts';
import { tokenLayout } from './layouts/token.ts';

export const LAYOUT_NAMES = [
  'device',
  'hsm',
  'token',
  'ota-ce',
  'foundries',
  'aws-iot',
  'p12',
  'pem',
] as const;
export type LayoutName = (typeof LAYOUT_NAMES)[number];

/** Every layout that there is. The next OTA server is one more file, and a line here. */
export const LAYOUTS: Readonly<Record<LayoutName, Layout>> = {
  device: deviceLayout,
  hsm: hsmLayout,
  token: tokenLayout,
  'ota-ce': otaCeLayout,
  foundries: foundriesLayout,
  'aws-iot': awsIotLayout,
  p12: p12Layout,
  pem: pemLayout,
};
