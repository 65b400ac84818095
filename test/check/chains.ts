/** The chains of the catalogue, for programs that judge chains: OpenSSL and gateways. */
import { parsePem } from '../../src/asn1/index.ts';
import { type CheckCode, checkBundle } from '../../src/check/index.ts';
import { encodeCertificatePem, parseForeignCertificate, parseForeignCrl } from '../../src/x509/index.ts';
import { CATALOGUE, type Case } from './catalogue.ts';
import { NOW } from './certify.ts';
import { root } from './world.ts';

/** X509_STORE_CTX_get_error(3): what OpenSSL says of a chain of which we say this. */
const ERRORS: Partial<Readonly<Record<CheckCode, readonly number[]>>> = {
  'gateway-lacks-root': [2],
  // 20 where the key identifiers already say that it is another CA.
  'chain-broken': [7, 20],
  'leaf-not-yet-valid': [9],
  'ca-not-yet-valid': [9],
  'leaf-expired': [10],
  'ca-expired': [10],
  'self-signed': [18],
  untrusted: [19, 20],
  'chain-incomplete': [20],
  'issuer-unknown': [20],
  'leaf-alone': [20],
  'crl-missing': [3],
  'crl-broken': [8],
  'crl-not-yet-valid': [11],
  'crl-expired': [12],
  'leaf-revoked': [23],
  'ca-revoked': [23],
  'crl-issuer-may-not-sign': [35],
  'path-length': [25],
  'purpose-leaf': [26],
  'purpose-ca': [26],
  'purpose-any': [26],
  'unknown-critical-extension': [34],
  'weak-signature': [68],
  'issuer-not-ca': [79],
  'key-explicit-curve': [94],
};
/** Where OpenSSL by itself has no fault to find, and -x509_strict has. */
const STRICT: ReadonlySet<string> = new Set(['ca-not-strict', 'leaf-not-strict']);

/** What a gateway is to judge of a case, and what we say that it will. */
const judged = (one: Case) => {
  const trust = one.trust === undefined ? [root] : one.trust;
  const { files, target = 'generic', passphrase = '', crls = '' } = one;
  const said = checkBundle({
    files,
    target,
    passphrase,
    now: NOW,
    trust: trust?.map(({ der }) => parseForeignCertificate(der)) ?? null,
    crls: parsePem(crls).map(({ der }) => parseForeignCrl(der)),
  });
  const codes = said.report.findings.map(({ code }) => code);
  return {
    title: one.title,
    parts: said.parts,
    presented: said.presented.map(({ der }) => encodeCertificatePem(der)),
    trusted: said.trust?.map(({ der }) => encodeCertificatePem(der)).join('') ?? '',
    crls,
    errors: codes.flatMap((code) => ERRORS[code] ?? []),
    isStrict: codes.every((code) => !STRICT.has(code)),
    codes,
  };
};

const isJudged = ({ presented, trusted, codes }: ReturnType<typeof judged>): boolean =>
  presented.length > 0 && trusted !== '' && !codes.includes('chain-order');
/**
 * What gateways are shown, and by whom that is trusted, each once; a chain in the wrong order is judged as
 * another.
 */
export const CHAINS = [
  ...new Map(
    CATALOGUE.map(judged)
      .filter(isJudged)
      .toReversed()
      .map((one) => [[...one.presented, one.trusted, one.crls].join('|'), one]),
  ).values(),
];

export type Chain = (typeof CHAINS)[number];

/** Those that a device gets as far as showing to a gateway: what fails on its own side is not presented. */
export const PRESENTED = CHAINS.filter(
  ({ title, parts, codes }) =>
    parts.key?.key?.object && !codes.some((code) => code.startsWith('key-')) && !title.includes('PKCS#12'),
);
