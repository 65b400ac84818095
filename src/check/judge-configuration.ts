import type { Parts } from './find-parts.ts';
import { type Finding, fail, warn } from './finding.ts';
import { baseName } from './given-file.ts';
import { type Configuration, settingOf } from './read-configuration.ts';
import type { ReadFile } from './read-file.ts';

const NAMED = [
  ['tls', 'server_url_path'],
  ['import', 'tls_cacert_path'],
  ['import', 'tls_clientcert_path'],
  ['import', 'tls_pkey_path'],
] as const;
/** The device, or the factory, may put its own key beside the rest. */
const MAY_COME_LATER: ReadonlySet<string> = new Set(['tls_pkey_path']);

const missingFiles = (settings: Configuration, files: readonly ReadFile[], at: string): readonly Finding[] =>
  NAMED.flatMap(([section, key]) => {
    const path = settingOf(settings, section, key);
    const there = path === null || files.some((file) => baseName(file.path) === baseName(path));
    return there || MAY_COME_LATER.has(key)
      ? []
      : [
          fail(
            'config-names-missing-file',
            at,
            `It names ${path} (${section}.${key}), which is not in the bundle.`,
          ),
        ];
  });

const IDS = ['tls_clientcert_id', 'tls_pkey_id', 'uptane_key_id'] as const;

function tokenFindings(settings: Configuration, at: string): readonly Finding[] {
  if (settingOf(settings, 'tls', 'pkey_source') !== 'pkcs11') return [];
  const ids = IDS.flatMap((key) => {
    const id = settingOf(settings, 'p11', key);
    return id === null || /^[0-9A-Fa-f]{2}$/.test(id)
      ? []
      : [
          fail(
            'config-hsm-id',
            at,
            `p11.${key} is ${JSON.stringify(id)}: two hexadecimal digits name an object.`,
          ),
        ];
  });
  const inFile = (settingOf(settings, 'uptane', 'key_source') ?? 'file') !== 'pkcs11';
  const reports = settingOf(settings, 'telemetry', 'report_config') !== 'false';
  return [
    ...ids,
    ...(inFile
      ? [
          fail(
            'config-uptane-key-in-file',
            at,
            'The key of TLS is in the token and that of Uptane in a file: all fails after the first request.',
          ),
        ]
      : []),
    ...(reports
      ? [
          warn(
            'config-reports-pin',
            at,
            "At its first start the client sends its whole configuration, the token's PIN included.",
          ),
        ]
      : []),
  ];
}

/** The configuration of the device, where the bundle has one. */
export function judgeConfiguration({ configuration }: Parts, files: readonly ReadFile[]): readonly Finding[] {
  if (configuration === null) return [];
  const { configuration: settings, path, fault } = configuration;
  if (settings === null)
    return fault === null ? [] : [fail('config-malformed', path, `${baseName(path)} ${fault}`)];
  return [...missingFiles(settings, files, path), ...tokenFindings(settings, path)];
}
