import { describe, expect, it } from 'vitest';
import { renderSotaToml, SOTA_CONFIG_FOLDER, type SotaToml } from '../../src/bundle/index.ts';
import { refusalOf } from '../support/refusal.ts';

const content = (more: Partial<SotaToml> = {}): SotaToml => ({
  gatewayUrl: 'https://gateway.example.com:8443',
  ostreeServer: null,
  hardwareId: 'intel-corei7-64',
  configFolder: SOTA_CONFIG_FOLDER,
  overrides: {},
  ...more,
});

const GOLDEN = `[tls]
server = "https://gateway.example.com:8443"
ca_source = "file"
pkey_source = "file"
cert_source = "file"

[provision]
server = "https://gateway.example.com:8443"
primary_ecu_hardware_id = "intel-corei7-64"

[uptane]
key_source = "file"

[pacman]
type = "ostree"
ostree_server = "https://gateway.example.com:8443/treehub"
packages_file = "/usr/package.manifest"

[storage]
type = "sqlite"
path = "/var/sota/"

[import]
tls_cacert_path = "/var/sota/root.crt"
tls_pkey_path = "/var/sota/pkey.pem"
tls_clientcert_path = "/var/sota/client.pem"
`;

it('sota.toml of Foundries has its sections in order, octet for octet', () => {
  expect(renderSotaToml(content())).toBe(GOLDEN);
});

it('a device without a hardware ID has no line for one, and an own treehub stands as it is', () => {
  const text = renderSotaToml(content({ hardwareId: null, ostreeServer: 'https://treehub.example.com' }));
  expect(text).not.toContain('primary_ecu_hardware_id');
  expect(text).toContain('ostree_server = "https://treehub.example.com"\n');
});

it('another folder is where storage and import look', () => {
  const text = renderSotaToml(content({ configFolder: '/opt/ota' }));
  expect(text).toContain('path = "/opt/ota/"\n');
  expect(text).toContain('tls_pkey_path = "/opt/ota/pkey.pem"\n');
});

describe('overrides', () => {
  const overridden = (overrides: SotaToml['overrides']): string => renderSotaToml(content({ overrides }));

  it('replace a key where it stands, and carry their own quotes', () => {
    const text = overridden({ pacman: { type: '"ostree+compose_apps"' } });
    expect(text).toBe(GOLDEN.replace('type = "ostree"', 'type = "ostree+compose_apps"'));
    expect(overridden({ uptane: { polling_sec: '300' } })).toContain(
      'key_source = "file"\npolling_sec = 300\n',
    );
  });

  it.each(['', null])('%j leaves the key out, with a comment that says so', (nothing) => {
    const text = overridden({ pacman: { packages_file: nothing } });
    expect(text).not.toMatch(/^packages_file/m);
    expect(text).toContain("# packages_file: left out, as the request's overrides ask\n");
  });

  it('fill in hardware_id, gateway_server, ostree_server and sota_config_dir', () => {
    const text = overridden({
      pacman: {
        compose_apps_root: '"{sota_config_dir}/compose-apps"',
        ostree_server: '"{ostree_server}/{hardware_id}"',
      },
      uptane: { repo_server: '"{gateway_server}/repo"' },
    });
    expect(text).toContain('compose_apps_root = "/var/sota/compose-apps"\n');
    expect(text).toContain('ostree_server = "https://gateway.example.com:8443/treehub/intel-corei7-64"\n');
    expect(text).toContain('repo_server = "https://gateway.example.com:8443/repo"\n');
  });

  it('fill in once: what was filled in is no template', () => {
    const text = renderSotaToml(
      content({ configFolder: '/opt/{hardware_id}', overrides: { a: { b: '{sota_config_dir}' } } }),
    );
    expect(text).toContain('b = /opt/{hardware_id}\n');
  });

  it('of a section that is not known come last', () => {
    const text = overridden({ logger: { loglevel: '0' } });
    expect(text).toBe(`${GOLDEN}\n[logger]\nloglevel = 0\n`);
  });

  it.each([
    ['other braces', { pacman: { tags: '"{factory}"' } }, '/overrides/pacman/tags'],
    ['a brace of a built-in name', { pacman: { tags: '"{constructor}"' } }, '/overrides/pacman/tags'],
    ['a lone brace', { pacman: { tags: '"{"' } }, '/overrides/pacman/tags'],
    ['nested braces', { pacman: { tags: '{{hardware_id}}' } }, '/overrides/pacman/tags'],
    ['a line feed', { pacman: { tags: '"a"\n[tls]' } }, '/overrides/pacman/tags'],
    ['a carriage return', { pacman: { tags: '"a"\r' } }, '/overrides/pacman/tags'],
    ['a line separator', { pacman: { tags: '"a\u2028"' } }, '/overrides/pacman/tags'],
    ['a long value', { pacman: { tags: 'x'.repeat(1025) } }, '/overrides/pacman/tags'],
    ['a key with a line end', { pacman: { 'a\nb': '1' } }, '/overrides/pacman/a\nb'],
    ['a section with a bracket', { 'a]': { b: '1' } }, '/overrides/a]'],
  ])('%s is refused, and the place named', (_what, overrides, at) => {
    const refusal = refusalOf(() => overridden(overrides));
    expect(refusal?.code).toBe('bad-request');
    expect(refusal?.violations[0]?.at).toBe(at);
  });

  it('that ask for a hardware ID where there is none are refused', () => {
    const wish = content({ hardwareId: null, overrides: { a: { b: '{hardware_id}' } } });
    expect(refusalOf(() => renderSotaToml(wish))?.code).toBe('bad-request');
  });
});
