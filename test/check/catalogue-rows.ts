/** Which rows of docs/contract.md the cases of the catalogue are: a section, a row, and its cases by title. */
export interface CatalogueRow {
  /** `9, keys that work` */
  readonly row: string;
  /** Whether the device comes online; null: some of them do. */
  readonly isOnline: boolean | null;
  readonly titles: readonly string[];
}

const of =
  (isOnline: boolean | null) =>
  (row: string, ...titles: readonly string[]): CatalogueRow => ({ row, isOnline, titles });
const online = of(true);
const refused = of(false);
const either = of(null);

export const CATALOGUE_ROWS: readonly CatalogueRow[] = [
  either(
    '5, basicConstraints not critical',
    "root as ota-ce's scripts make it",
    "root with EKU serverAuth only, as OTA Connect's manual makes it",
  ),
  refused('8, HSM ids', 'HSM, an id of one digit', 'HSM, the key of Uptane in a file'),
  online('8, 365 days', 'ends within the month', 'a leaf that outlives its issuer'),
  either(
    '8, clocks',
    'made this minute',
    'root.crt made today',
    'not yet valid',
    'root.crt that is not yet valid',
  ),
  online('8, secrets in images', 'a key that all may read', 'HSM, a configuration that is reported'),
  online(
    '9, keys that work',
    'P-256 as PKCS#8, leaf and intermediate',
    'P-256 as SEC1',
    'P-384',
    'Ed25519',
    'RSA-2048 as PKCS#8',
    'RSA-2048 as PKCS#1',
  ),
  refused(
    '9, keys that do not',
    'RSA-1024',
    'explicit EC parameters',
    'an encrypted key',
    'a key in DER',
    'the key of another certificate',
  ),
  online(
    '9, chains that pass',
    'P-256 as PKCS#8, leaf and intermediate',
    'leaf, intermediate and root',
    'text before the PEM',
    'CRLF',
    'no final newline',
  ),
  refused(
    '9, chains that do not',
    'leaf alone under an intermediate',
    'intermediate first',
    'a chain whose gateway trusts the intermediate alone',
  ),
  refused(
    '9, refused by the gateway alone',
    'expired',
    'not yet valid',
    'other CA, alone',
    'other CA, with its intermediate',
    'other CA, with its root',
    'self-signed',
  ),
  online('9, no end', 'notAfter 99991231235959Z'),
  online(
    '9, purposes that pass',
    'EKU clientAuth',
    'EKU of both',
    'no EKU',
    'version 1',
    'leaf with CA:TRUE',
    'keyAgreement only',
  ),
  refused(
    '9, purposes that do not',
    'EKU serverAuth only',
    'keyUsage keyEncipherment only',
    "root with EKU serverAuth only, as OTA Connect's manual makes it",
  ),
  refused('9, unknown critical extension', 'unknown critical extension', 'path length exceeded'),
  online('9, root.crt that works', 'root.crt with several CAs', "root.crt with the server's own leaf"),
  // Another CA's root.crt is seen when the gateway is called alone: probe.test.ts.
  refused('9, root.crt that does not', 'root.crt empty', 'root.crt in DER', 'root.crt missing'),
  refused('9, gateway.url missing', 'gateway.url missing'),
  online('9, gateway.url with a line end', 'gateway.url with a trailing newline', 'gateway.url with CRLF'),
  refused('9, gateway.url with a slash', 'gateway.url with a trailing slash'),
  refused('9, gateway.url http', 'gateway.url http://…'),
  refused('9, no CN', 'no CN'),
  refused('9, CN as BMPString', 'CN as BMPString'),
  online('9, two CNs', 'two CNs'),
  online('9, configuration with the PIN', 'HSM, a configuration that is reported'),
  refused('9, certificate without its key', 'the key of another certificate'),
  either(
    '9, HSM leaf',
    'HSM, right under the root',
    'HSM, under an intermediate',
    'HSM, under an intermediate that the gateway trusts',
  ),
  refused('9, HSM with Uptane in a file', 'HSM, the key of Uptane in a file'),
  either(
    '9, a CRL for each CA',
    'a CRL of each CA',
    'no CRL of the intermediate',
    'no CRL of the root',
    'a CRL of a root without cRLSign',
  ),
  refused('9, a p12 with a password', 'PKCS#12 with a password that nobody told'),
];
