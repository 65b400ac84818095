import { PkiError } from '../errors.ts';

/** section → key → value with its own quotes; '' or null leaves the key out. */
export type SotaOverrides = Readonly<Record<string, Readonly<Record<string, string | null>>>>;

/** What the configuration of a device is made of. */
export interface SotaToml {
  /** The gateway's origin, without a slash at its end. */
  readonly gatewayUrl: string;
  /** null: the gateway's own `/treehub`. */
  readonly ostreeServer: string | null;
  /** null: the client takes the device's host name. */
  readonly hardwareId: string | null;
  /** Where the files lie on the device, without a slash at its end; `/var/sota` by default. */
  readonly configFolder: string;
  readonly overrides: SotaOverrides;
}

export const SOTA_CONFIG_FOLDER = '/var/sota';

type Section = readonly [name: string, keys: readonly (readonly [name: string, value: string])[]];

const quoted = (value: string): string => `"${value}"`;

/** In the order in which people expect them. */
function sectionsOf({ gatewayUrl, hardwareId, configFolder }: SotaToml, ostree: string): readonly Section[] {
  const inFolder = (name: string): string => quoted(`${configFolder}/${name}`);
  return [
    [
      'tls',
      [
        ['server', quoted(gatewayUrl)],
        ['ca_source', quoted('file')],
        ['pkey_source', quoted('file')],
        ['cert_source', quoted('file')],
      ],
    ],
    [
      'provision',
      [
        ['server', quoted(gatewayUrl)],
        ...(hardwareId === null ? [] : [['primary_ecu_hardware_id', quoted(hardwareId)] as const]),
      ],
    ],
    ['uptane', [['key_source', quoted('file')]]],
    [
      'pacman',
      [
        ['type', quoted('ostree')],
        ['ostree_server', quoted(ostree)],
        ['packages_file', quoted('/usr/package.manifest')],
      ],
    ],
    [
      'storage',
      [
        ['type', quoted('sqlite')],
        ['path', quoted(`${configFolder}/`)],
      ],
    ],
    [
      'import',
      [
        ['tls_cacert_path', inFolder('root.crt')],
        ['tls_pkey_path', inFolder('pkey.pem')],
        ['tls_clientcert_path', inFolder('client.pem')],
      ],
    ],
  ];
}

function refuse(at: string, message: string): never {
  throw new PkiError('bad-request', `The sota.toml cannot be made: ${at} ${message}.`, {
    violations: [{ at, message }],
  });
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_VALUE = 1024;
/** A control character, or a line or paragraph separator: some reader takes each for the end of a line. */
const BREAKS = /[\p{Cc}\u2028\u2029]/u;

/** A value with its braces filled in; it stands on one line. */
function fillIn(value: string, at: string, known: Readonly<Record<string, string | null>>): string {
  if (value.length > MAX_VALUE || BREAKS.test(value) || !value.isWellFormed())
    refuse(at, `must be one line of printing characters, at most ${MAX_VALUE}`);
  const text = value.replaceAll(/\{([^{}]*)\}/g, (braces, name: string) => {
    if (!Object.hasOwn(known, name))
      refuse(
        at,
        `knows ${Object.keys(known)
          .map((one) => `{${one}}`)
          .join(', ')} and no other braces`,
      );
    return known[name] ?? refuse(at, `asks for ${braces}, which is not known here`);
  });
  const left = value.replaceAll(/\{[^{}]*\}/g, '');
  return /[{}]/.test(left) ? refuse(at, 'holds a brace without its partner') : text;
}

const LEFT_OUT = (key: string): string => `# ${key}: left out, as the request's overrides ask`;

/**
 * The configuration of aktualizr as the Foundries layout has it, which the client reads as INI: one
 * `key = value` a line, no arrays, no inline comments. Overrides replace keys of a section where they
 * stand, and add others at its end; sections that are not known come last, in the order given. Refuses
 * `bad-request` for an override that would be anything but one key on one line.
 */
export function renderSotaToml(content: SotaToml): string {
  const { gatewayUrl, hardwareId, configFolder, overrides } = content;
  const ostree = content.ostreeServer ?? `${gatewayUrl}/treehub`;
  const known = {
    hardware_id: hardwareId,
    gateway_server: gatewayUrl,
    ostree_server: ostree,
    sota_config_dir: configFolder,
  };
  const own = sectionsOf(content, ostree);
  const more = Object.keys(overrides)
    .filter((name) => !own.some(([section]) => section === name))
    .map((name): Section => [name, []]);
  const texts = [...own, ...more].map(([section, keys]) => {
    if (!NAME.test(section)) refuse(`/overrides/${section.slice(0, 64)}`, 'is no name of a section');
    const asked = Object.hasOwn(overrides, section) ? (overrides[section] ?? {}) : {};
    const values = new Map<string, string | null>([...keys, ...Object.entries(asked)]);
    const lines = [...values].map(([key, value]) => {
      const at = `/overrides/${section}/${key.slice(0, 64)}`;
      if (!NAME.test(key)) refuse(at, 'is no name of a key');
      if (value === null || value === '') return LEFT_OUT(key);
      return `${key} = ${Object.hasOwn(asked, key) ? fillIn(value, at, known) : value}`;
    });
    return [`[${section}]`, ...lines, ''].join('\n');
  });
  return texts.join('\n');
}
