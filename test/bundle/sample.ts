import { createPrivateKey } from 'node:crypto';
import { encodeElement, encodeOid, encodeSequence, encodeSetOf, TAG } from '../../src/asn1/index.ts';
import { type BundleContent, type BundleLine, type DeviceKey, deviceFolder } from '../../src/bundle/index.ts';
import { encodeCertificatePem, parseCertificate, parseName } from '../../src/x509/index.ts';
import { makeKey, type TestKeyKind } from '../support/csr.ts';
import { seededRandom } from '../support/fixed.ts';
import { hierarchy } from '../support/hierarchy.ts';

export const NOW = new Date('2026-06-01T12:00:00Z');
export const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';
export const VIN = 'WVWZZZ1JZXW000001';

const world = hierarchy(NOW);
const root = await world.authority('generic', 'fleet-root', 'fleet');
const intermediate = await world.authority('generic', 'issuing', 'line-7', 'ec-p256', root);
const gateway = await world.authority('generic', 'fleet-root', 'gateway root');
/** As the OTA Connect manual makes it: extendedKeyUsage serverAuth alone. */
const manualRoot = await world.authority('ota-connect', 'ota-connect-manual-root', 'manual');

export const pemOf = (der: Uint8Array): string => encodeCertificatePem(der);
export const gatewayRoot = pemOf(gateway.certificate.der);
export const fleetRoot = root.certificate;
export const issuing = intermediate.certificate;

export const NO_SETTINGS = {
  hardwareId: null,
  pkcs11Module: null,
  gatewayTrusts: null,
  ostreeServer: null,
} as const;

export const line = (more: Partial<BundleLine> = {}): BundleLine => ({
  target: 'generic',
  gatewayUrl: 'https://gateway.example:8443',
  gatewayRoot,
  settings: NO_SETTINGS,
  issuers: [issuing, fleetRoot],
  links: [],
  now: NOW,
  ...more,
});

export const underRoot = (more: Partial<BundleLine> = {}): BundleLine =>
  line({ issuers: [fleetRoot], ...more });
export const underManualRoot = (more: Partial<BundleLine> = {}): BundleLine =>
  line({ issuers: [manualRoot.certificate], ...more });

/** A device under the intermediate, with its key. */
export async function makeDevice(deviceId: string, kind: TestKeyKind = 'P-256') {
  const key = makeKey(kind);
  const certificate = parseCertificate(await world.device(intermediate, deviceId, key));
  const pkcs8 = createPrivateKey(key.pkcs8Pem).export({ format: 'der', type: 'pkcs8' });
  const bundle = (more: Partial<BundleContent> = {}): BundleContent => ({
    line: line(),
    deviceId,
    folder: deviceFolder(deviceId),
    certificate,
    key: { kind: 'elsewhere' },
    ...more,
  });
  const clear = (passphrase = ''): DeviceKey => ({
    kind: 'clear',
    pkcs8,
    passphrase,
    random: seededRandom('pkcs12'),
  });
  return { certificate, key, bundle, clear };
}

type Attribute = readonly [type: string, text: string, tag?: number];

/** A certificate that says the same of another subject: each attribute an RDN, in this order. */
export function withSubject(bundle: BundleContent, ...attributes: readonly Attribute[]): BundleContent {
  const rdns = attributes.map(([type, text, tag = TAG.utf8String]) => {
    const octets = tag === TAG.bmpString ? Buffer.from(text, 'utf16le').swap16() : Buffer.from(text, 'utf8');
    return encodeSetOf(encodeSequence(encodeOid(type), encodeElement(tag, octets)));
  });
  const subject = parseName(encodeSequence(...rdns));
  return { ...bundle, certificate: { ...bundle.certificate, subject } };
}
