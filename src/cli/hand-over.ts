/** What a server is handed, as files: texts for the person who hands it over, and the command that comes next. */

/** As the service tells of it. */
export interface PublishedRoot {
  readonly generation: number;
  readonly key: string;
  readonly subject: string;
  /** SHA-256 of the certificate, hex. */
  readonly fingerprint: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** PEM. */
  readonly certificate: string;
  readonly warnings: readonly string[];
}

export interface HandOver {
  readonly fleet: string;
  readonly root: PublishedRoot;
  /** PEM; null where the server wants to see none. */
  readonly possession: string | null;
  /** What the server gave. */
  readonly code: string | null;
}

export interface HandOverFile {
  readonly name: string;
  readonly content: string;
}

const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`;

const factsOf = ({ root }: HandOver): readonly string[] => [
  `Subject       ${root.subject}`,
  `Key           ${root.key}`,
  `Valid         ${root.notBefore} to ${root.notAfter}`,
  `SHA-256       ${root.fingerprint}`,
];

/** What the server's manual demands of a root, and what is known to go wrong with it. */
function verdict({ root }: HandOver): string {
  if (root.warnings.length === 0) {
    return lines(
      'The root has what this server demands of one, and nothing that is known to go wrong there.',
    );
  }
  return lines('Before this root is sent in:', ...root.warnings.map((warning) => `- ${warning}`));
}

const certificateFile = ({ root }: HandOver): HandOverFile => ({
  name: 'fleet-root.pem',
  content: root.certificate,
});

const possessionText = ({ code }: HandOver): readonly string[] =>
  code === null
    ? ["possession.csr is signed with the root's key: `openssl req -in possession.csr -verify -noout`."]
    : [
        `possession.csr is signed with the root's key, and holds your code ${code} as challengePassword:`,
        '`openssl req -in possession.csr -verify -noout -text`.',
      ];

const letter = (what: HandOver): string =>
  lines(
    'Please register the certificate in fleet-root.pem as a root that device certificates of our account are',
    'checked with. Roots that are registered already stay as they are.',
    '',
    ...factsOf(what),
    '',
    'Compare the fingerprint with one that reached you another way than this text.',
    '',
    ...(what.possession === null ? [] : [...possessionText(what), '']),
    'Please tell us when it is in force.',
  );

/** A folder for the person who writes to the people behind the server. */
export const forOtaConnect = (what: HandOver): readonly HandOverFile[] => [
  certificateFile(what),
  { name: 'fingerprint.txt', content: lines(`sha256 ${what.root.fingerprint}`) },
  { name: 'verdict.txt', content: verdict(what) },
  { name: 'letter.txt', content: letter(what) },
  ...(what.possession === null ? [] : [{ name: 'possession.csr', content: what.possession }]),
];

/** What a cloud wants to see, with the command that shows it. `commands` are for a shell in the folder. */
const withCertificate = (what: HandOver, commands: readonly string[]): readonly HandOverFile[] => [
  certificateFile(what),
  { name: 'possession.pem', content: what.possession ?? '' },
  { name: 'verdict.txt', content: verdict(what) },
  { name: 'next.sh', content: lines('#!/bin/sh', 'set -eu', ...commands) },
];

/** `aws iot register-ca-certificate`, for the code of `aws iot get-registration-code`. */
export const forAwsIot = (what: HandOver): readonly HandOverFile[] =>
  withCertificate(what, [
    'aws iot register-ca-certificate \\',
    '  --ca-certificate file://fleet-root.pem --verification-certificate file://possession.pem \\',
    '  --set-as-active --allow-auto-registration',
  ]);

/** `az iot dps certificate verify`, for the code of `… generate-verification-code`. */
export const forAzureDps = (what: HandOver): readonly HandOverFile[] =>
  withCertificate(what, [
    '# DPS: the name of the service, GROUP: its resource group; the etag is that of the last command',
    ': "$' + '{DPS:?}" "$' + '{GROUP:?}"',
    `NAME=${what.fleet}-g${what.root.generation}`,
    'ETAG=$(az iot dps certificate show --dps-name "$DPS" --resource-group "$GROUP" \\',
    '  --certificate-name "$NAME" --query etag --output tsv)',
    'az iot dps certificate verify --dps-name "$DPS" --resource-group "$GROUP" \\',
    '  --certificate-name "$NAME" --path possession.pem --etag "$ETAG"',
  ]);
