import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import {
  type BundleContent,
  type BundleFile,
  type BundleFolder,
  type BundleLine,
  checkDevice,
  checkKey,
  checkLine,
  type DeviceKey,
  type Finding,
  folderIn,
  folderOf,
  LAYOUT_NAMES,
  LAYOUTS,
  type Layout,
  type LayoutName,
  layOut,
  layOutShared,
  verifyFindings,
  zipFiles,
} from '../bundle/index.ts';
import {
  type Fleet,
  type Generation,
  generationCertificate,
  issuersOf,
  linkAbove,
  type StoredCertificate,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { parseCertificate } from '../x509/index.ts';
import type { CertificateView } from './certificate-json.ts';
import type { Response } from './web.ts';

export const layoutSchema = z.enum(LAYOUT_NAMES);
export const layoutNamed = (name: LayoutName = 'device'): Layout => LAYOUTS[name];

/** The layout of a bundle that is asked for together with its certificate. Refuses `bad-request` without one. */
export function layoutFor(form: string, name: LayoutName | undefined): Layout {
  if (name === undefined || form === 'application/zip') return layoutNamed(name);
  throw new PkiError('bad-request', 'layout is of a bundle: ask for one with Accept: application/zip.');
}

export const ELSEWHERE: DeviceKey = { kind: 'elsewhere' };

/** What the bundles of certificates that an issuer signs have in common. */
export const lineOf = (
  fleet: Fleet,
  generations: readonly Generation[],
  issuerId: number,
  now: Date,
): BundleLine => ({
  target: fleet.target,
  gatewayUrl: fleet.gatewayUrl,
  gatewayRoot: fleet.gatewayRoot,
  settings: fleet.settings,
  issuers: issuersOf(generations, issuerId).map(generationCertificate),
  links: [linkAbove(generations, issuerId)].flatMap((link) =>
    link ? [parseCertificate(link.certificate)] : [],
  ),
  now,
});

export const bundleOf = (
  line: BundleLine,
  layout: Layout,
  { deviceId, der }: StoredCertificate,
  key: DeviceKey,
): BundleContent => ({
  line,
  deviceId,
  folder: folderIn(layout, deviceId),
  certificate: parseCertificate(der),
  key,
});

/** The files of a bundle in their folder, with the time of the certificate: the same bundle is the same octets. */
export const folderFor = (
  layout: Layout,
  bundle: BundleContent,
  { issuedAt }: StoredCertificate,
): BundleFolder => ({ name: folderOf(layout, bundle), files: layOut(layout, bundle), modified: issuedAt });

/** What stands beside the devices; none where the layout has nothing of that kind. */
export function sharedFolder(layout: Layout, line: BundleLine, modified: Date): readonly BundleFolder[] {
  const files = layOutShared(layout, line);
  return files.length === 0 ? [] : [{ name: '', files, modified }];
}

/**
 * Gives the warnings, before a certificate is issued for a bundle. Refuses `bundle-unfit` where it would
 * not work, or has no place for the key.
 */
export const verifyBundlePossible = (
  layout: Layout,
  line: BundleLine,
  key: DeviceKey['kind'],
): readonly string[] => verifyFindings([...checkLine(layout, line), ...checkKey(layout, key)]);

/** A bundle of one device, and what is to be said of it. */
export interface SingleBundle {
  /** What stands for the device in a file name. */
  readonly name: string;
  readonly findings: readonly Finding[];
  /** Lays it out; what the layout needs must be there. */
  layOut(): readonly BundleFolder[];
}

export function bundleFor(
  { certificate, fleet, generations, now }: CertificateView,
  layout: Layout,
  key: DeviceKey,
): SingleBundle {
  const line = lineOf(fleet, generations, certificate.issuerId, now);
  const bundle = bundleOf(line, layout, certificate, key);
  return {
    name: bundle.folder,
    findings: [...checkLine(layout, line), ...checkDevice(layout, bundle)],
    layOut: () => [
      ...sharedFolder(layout, line, certificate.issuedAt),
      folderFor(layout, bundle, certificate),
    ],
  };
}

/** A list of strings (RFC 8941, 3.1 and 3.3.3), which have ASCII alone. */
const encodeList = (texts: readonly string[]): string =>
  texts.map((text) => `"${text.replaceAll(/[^\x20-\x7e]/gu, '?').replaceAll(/["\\]/g, '\\$&')}"`).join(', ');

function setWarnings(res: Response, warnings: readonly string[]): void {
  if (warnings.length > 0) res.set('Bundle-Warnings', encodeList(warnings));
}

/** Streams a bundle as a zip; `warnings` go into a header. */
export async function sendBundle(
  res: Response,
  { name, layOut }: SingleBundle,
  warnings: readonly string[],
): Promise<void> {
  const folders = layOut();
  setWarnings(res, warnings);
  res.set({
    'Content-Type': 'application/zip',
    'Content-Disposition': `attachment; filename="${name}.zip"`,
  });
  await pipeline(zipFiles(folders), res);
}

/** Where the files of a bundle lie, from the archive's root on, in order. */
export const listFiles = (folders: readonly BundleFolder[]): readonly Omit<BundleFile, 'content'>[] =>
  folders.flatMap(({ name, files }) =>
    files.map((file) => ({ name: name === '' ? file.name : `${name}/${file.name}`, mode: file.mode })),
  );
