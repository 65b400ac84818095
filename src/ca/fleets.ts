import { X509Certificate } from 'node:crypto';
import { encodePem, parsePem } from '../asn1/index.ts';
import { PkiError, type Violation } from '../errors.ts';
import type { CaContext } from './context.ts';
import type { Act, Fleet, FleetSettings, FleetTerms, NewFleet } from './ledger-records.ts';

export interface FleetWish {
  readonly name: string;
  readonly target: string;
  readonly gatewayUrl: string | null;
  readonly gatewayRoot: string | null;
}

/**
 * Why a URL is no gateway's origin; undefined where it is one. aktualizr appends its paths to the text
 * as it stands, so a path, a trailing slash or a line end would become part of every request; over
 * `http:` it reports success without any TLS.
 * The URL parser repairs much ("https:host", "https://host/.", "https://host?", percent signs in a
 * host); the device takes the text, so the text must be what the parser makes of it.
 */
export function gatewayUrlFault(text: string): string | undefined {
  if (/\s/.test(text)) return 'must not hold white space or a line end';
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not hold credentials';
  if (text.endsWith('/')) return 'must not end with a slash';
  const origin = text.toLowerCase().replace(/:443$/, '');
  return url.origin === origin
    ? undefined
    : 'must be scheme, host (in ASCII) and port alone, without a path, as in https://gateway.example:8443';
}

/**
 * Read with OpenSSL's eyes: server roots come from elsewhere and may use what we would not issue. It
 * passes over octets after the certificate, and takes PEM inside PEM; `raw` shows both.
 */
function parseServerRoot(der: Uint8Array): X509Certificate {
  const certificate = new X509Certificate(der);
  if (Buffer.compare(certificate.raw, der) !== 0)
    throw new TypeError('there is more than one certificate in the block');
  return certificate;
}

function gatewayRootFault(pem: string, now: Date): string | undefined {
  try {
    const blocks = parsePem(pem);
    if (blocks.length === 0) return 'holds no PEM certificate';
    if (blocks.some(({ label }) => label !== 'CERTIFICATE')) return 'must hold certificates and nothing else';
    const ended = blocks
      .map(({ der }) => parseServerRoot(der))
      .find(({ validTo }) => new Date(validTo) <= now);
    return ended && `holds a certificate that has expired: ${ended.subject.replaceAll('\n', ', ')}`;
  } catch (cause) {
    return cause instanceof PkiError ? cause.message : 'holds something that is not an X.509 certificate';
  }
}

/** The same certificates as plain PEM: no text around them, LF line ends. */
const plainRoot = (pem: string | null): string | null =>
  pem &&
  parsePem(pem)
    .map(({ der }) => encodePem('CERTIFICATE', der))
    .join('');

/** It stands between quotes in configuration files, which know no escapes. */
function ostreeServerFault(text: string): string | undefined {
  if (!/^https:\/\/[\x21-\x7e]+$/.test(text) || !URL.canParse(text))
    return 'is not a URL that begins with https://';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'must not hold credentials';
  if (/["'\\#?]|\/$/.test(text)) return 'must hold neither quotes, query nor fragment, nor end with a slash';
  return undefined;
}

/** Values that stand in configuration files and in scripts, where nothing is escaped. */
const FORMS = {
  hardwareId: [
    /^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$/,
    'has 1 to 200 letters, digits or ._+-, and begins with a letter or digit',
  ],
  pkcs11Module: [/^\/[A-Za-z0-9._+/-]{1,254}$/, 'is an absolute path of letters, digits and ._+/-'],
} as const;

const fault = (
  at: string,
  value: string | null,
  find: (text: string) => string | undefined,
): readonly Violation[] => {
  const message = value === null ? undefined : find(value);
  return message === undefined ? [] : [{ at, message }];
};

function check(terms: Pick<FleetTerms, 'gatewayUrl' | 'gatewayRoot'>, now: Date): readonly Violation[] {
  return [
    ...fault('/gatewayUrl', terms.gatewayUrl, gatewayUrlFault),
    ...fault('/gatewayRoot', terms.gatewayRoot, (pem) => gatewayRootFault(pem, now)),
  ];
}

function checkSettings({ hardwareId, pkcs11Module, ostreeServer }: FleetSettings): readonly Violation[] {
  const unlike =
    ([form, says]: readonly [RegExp, string]) =>
    (text: string): string | undefined =>
      form.test(text) ? undefined : says;
  return [
    ...fault('/hardwareId', hardwareId, unlike(FORMS.hardwareId)),
    ...fault('/pkcs11Module', pkcs11Module, unlike(FORMS.pkcs11Module)),
    ...fault('/ostreeServer', ostreeServer, ostreeServerFault),
  ];
}

function refuse(violations: readonly Violation[], what: string): void {
  if (violations.length === 0) return;
  const said = violations.map(({ at, message }) => `${at.slice(1)} ${message}`).join('; ');
  throw new PkiError('bad-request', `The fleet cannot be ${what}: ${said}.`, { violations });
}

/**
 * Creates a fleet. Refuses `bad-request` with a violation for each field, `already-exists`.
 * The name's form is the edge's to check; it is the path segment under which the fleet is published.
 */
export async function createFleet(ca: CaContext, act: Act, wish: FleetWish): Promise<Fleet> {
  refuse(check(wish, act.at), 'created');
  const fleet: NewFleet = { ...wish, gatewayRoot: plainRoot(wish.gatewayRoot) };
  return ca.ledger.createFleet(act, fleet);
}

/**
 * Replaces a fleet's gateway and settings as a whole; what was issued before stays as it is. Refuses
 * `bad-request` with a violation for each field.
 */
export async function changeFleet(ca: CaContext, act: Act, fleet: Fleet, terms: FleetTerms): Promise<Fleet> {
  refuse([...check(terms, act.at), ...checkSettings(terms.settings)], 'changed');
  return ca.ledger.recordFleetTerms(act, fleet.id, { ...terms, gatewayRoot: plainRoot(terms.gatewayRoot) });
}
