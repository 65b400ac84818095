import { PkiError } from '../errors.ts';
import type { BundleContent, BundleLine, DeviceKey, Finding, Layout } from './layout.ts';

const MEANING = {
  gatewayRoot: "the gateway's server root (gatewayRoot), which becomes root.crt",
  gatewayUrl: "the gateway's URL (gatewayUrl)",
} as const;

/** What the fleet lacks. */
export function checkNeeds(
  { name, needs }: Layout,
  line: Pick<BundleLine, 'gatewayRoot' | 'gatewayUrl'>,
): readonly Finding[] {
  const lacking = needs.filter((need) => line[need] === null);
  if (lacking.length === 0) return [];
  const names = lacking.map((need) => MEANING[need]).join(' and ');
  return [{ verdict: 'refuse', message: `The layout ${name} cannot be made: the fleet has not ${names}.` }];
}

const isFinding = (finding: Finding | undefined): finding is Finding => finding !== undefined;

/** What can be said of bundles of a line before there is a certificate. */
export const checkLine = (layout: Layout, line: BundleLine): readonly Finding[] => [
  ...checkNeeds(layout, line),
  ...layout.lineChecks.map((check) => check(line)).filter(isFinding),
];

const KEY_FAULTS = {
  'no-place': ({ name }: Layout, kind: DeviceKey['kind']) =>
    kind === 'elsewhere'
      ? undefined
      : `The layout ${name} is for a key that the device made: it has no file for one that the CA makes, and nobody would get it.`,
  due: ({ name }: Layout, kind: DeviceKey['kind']) =>
    kind === 'elsewhere'
      ? `The layout ${name} holds the private key, and it is not here: the device has it, or it was handed out and is kept nowhere. Ask for the layout when the key is made (POST /v1/fleets/{fleet}/devices), or let the key be made for a recipient; or put your own key and the layout pem together (openssl pkcs12 -export).`
      : undefined,
  taken: (_layout: Layout, kind: DeviceKey['kind']) =>
    kind === 'envelope'
      ? 'A key in an envelope is handed out by the layout p12, which says how to open it, or without a bundle.'
      : undefined,
} as const;

/** Whether a key has its place in the layout. */
export function checkKey(layout: Layout, kind: DeviceKey['kind']): readonly Finding[] {
  const message = KEY_FAULTS[layout.madeKey](layout, kind);
  return message === undefined ? [] : [{ verdict: 'refuse', message }];
}

/** What can be said of a bundle beside what counts for its whole line. */
export const checkDevice = (layout: Layout, bundle: BundleContent): readonly Finding[] => [
  ...checkKey(layout, bundle.key.kind),
  ...layout.deviceChecks.map((check) => check(bundle)).filter(isFinding),
];

export const warningsOf = (findings: readonly Finding[]): readonly string[] =>
  findings.filter(({ verdict }) => verdict === 'warn').map(({ message }) => message);

export const refusalsOf = (findings: readonly Finding[]): readonly string[] =>
  findings.filter(({ verdict }) => verdict === 'refuse').map(({ message }) => message);

/**
 * Gives the warnings. Refuses `bundle-unfit` with all the reasons why it would not work where it goes: one
 * that was made would show its fault on the device.
 */
export function verifyFindings(findings: readonly Finding[]): readonly string[] {
  const reasons = refusalsOf(findings);
  if (reasons.length > 0) throw new PkiError('bundle-unfit', reasons.join(' '));
  return warningsOf(findings);
}
