import { encodePrivateKeyPem } from '../x509/index.ts';
import type { BundleContent, LayoutEntry, SharedEntry } from './layout.ts';

/** Only who unpacks it reads it, and runs what there is to run. */
export const SECRET = 0o600;
export const SCRIPT = 0o700;

/** The certificate(s) of the gateway's server: by them the device knows it. Never the fleet's root. */
export const serverRoot = (name: string): LayoutEntry & SharedEntry => ({
  name,
  mode: SECRET,
  content: (from: BundleContent | BundleContent['line']) =>
    ('line' in from ? from.line : from).gatewayRoot ?? '',
});

/** Without a newline: aktualizr appends its paths to the octets as they are. */
export const gatewayUrlFile: LayoutEntry = {
  name: 'gateway.url',
  mode: SECRET,
  content: ({ line }) => line.gatewayUrl ?? '',
};

/** The private key as PKCS#8, PEM, where the CA made it and has it in hand. */
export const keyFile = (name: string): LayoutEntry => ({
  name,
  mode: SECRET,
  when: ({ key }) => key.kind === 'clear',
  content: ({ key }) => (key.kind === 'clear' ? encodePrivateKeyPem(key.pkcs8) : ''),
});
