import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type BundleContent,
  type BundleFile,
  checkDevice,
  checkLine,
  folderIn,
  folderOf,
  LAYOUT_NAMES,
  LAYOUTS,
  type LayoutName,
  layOut,
  layOutShared,
} from '../../src/bundle/index.ts';
import { parsePkcs12 } from '../../src/x509/index.ts';
import {
  fleetRoot,
  gatewayRoot,
  issuing,
  line,
  makeDevice,
  NO_SETTINGS,
  pemOf,
  UUID,
  underRoot,
} from './sample.ts';

const device = await makeDevice(UUID);
const leaf = device.certificate;
const sec1 = createPrivateKey(device.key.pkcs8Pem).export({ format: 'pem', type: 'sec1' }).toString();
const ENVELOPE = '-----BEGIN CMS-----\nZW52ZWxvcGU=\n-----END CMS-----\n';

/** What differs from one run to the next, by what it is. Everything else in a golden file is to the octet. */
const KNOWN: readonly (readonly [string, string])[] = [
  [pemOf(leaf.der), '<device certificate>\n'],
  [pemOf(issuing.der), '<intermediate>\n'],
  [pemOf(fleetRoot.der), '<fleet root>\n'],
  [gatewayRoot, "<gateway's server root>\n"],
  [device.key.pkcs8Pem, '<private key, PKCS#8>\n'],
  [sec1, '<private key, SEC1>\n'],
  [ENVELOPE, '<envelope>\n'],
  [Buffer.from(leaf.publicKey.digest).toString('hex'), '<SHA-256 of the public key>'],
];

function readable({ name, content }: BundleFile): string {
  if (Buffer.compare(content, leaf.der) === 0) return '<device certificate, DER>\n';
  if (name.endsWith('.p12')) return '<PKCS#12>\n';
  const text = Buffer.from(content).toString('utf8');
  const named = KNOWN.reduce((all, [octets, what]) => all.replaceAll(octets, what), text);
  return named.endsWith('\n') ? named : `${named}<no line end>\n`;
}

function golden(name: LayoutName, bundle: BundleContent): string {
  const layout = LAYOUTS[name];
  const folder = folderOf(layout, bundle);
  const own = layOut(layout, bundle).map((file) => ({
    ...file,
    path: folder === '' ? file.name : `${folder}/${file.name}`,
  }));
  const shared = layOutShared(layout, bundle.line).map((file) => ({ ...file, path: file.name }));
  return [...shared, ...own]
    .map((file) => `==== ${file.mode.toString(8)} ${file.path}\n${readable(file)}`)
    .join('');
}

const file = (name: string): string => `./golden/${name}.txt`;

describe('a layout has these files, in this order, with these modes and octets:', () => {
  it.each(LAYOUT_NAMES.filter((name) => name !== 'p12'))('%s, under an intermediate', async (name) => {
    await expect(golden(name, device.bundle())).toMatchFileSnapshot(file(name));
  });

  it.each(['device', 'token', 'ota-ce', 'aws-iot', 'p12', 'pem'] as const)(
    '%s, with a key that the CA made',
    async (name) => {
      const made = golden(name, device.bundle({ key: device.clear() }));
      await expect(made).toMatchFileSnapshot(file(`${name}-made-key`));
    },
  );

  it('p12, with a key in an envelope', async () => {
    const sealed = golden('p12', device.bundle({ key: { kind: 'envelope', pem: ENVELOPE } }));
    await expect(sealed).toMatchFileSnapshot(file('p12-envelope'));
  });

  it.each(['device', 'hsm', 'ota-ce', 'foundries'] as const)(
    '%s, of a fleet that says all it can',
    async (name) => {
      const settings = {
        hardwareId: 'board-7',
        pkcs11Module: '/usr/lib/libtpm2_pkcs11.so',
        gatewayTrusts: 'trust-bundle',
        ostreeServer: 'https://ostree.example/treehub',
      } as const;
      await expect(golden(name, device.bundle({ line: underRoot({ settings }) }))).toMatchFileSnapshot(
        file(`${name}-settings`),
      );
    },
  );
});

describe('what the contract says of files (its sections 2, 3, 6 and 10)', () => {
  const text = (name: LayoutName, entry: string, bundle = device.bundle()): string | undefined => {
    const found = layOut(LAYOUTS[name], bundle).find((one) => one.name === entry);
    return found && Buffer.from(found.content).toString('utf8');
  };

  it('section 2, client.pem: leaf first, then the intermediate, no root', () => {
    for (const name of ['device', 'hsm', 'token', 'ota-ce'] as const) {
      expect(text(name, 'client.pem')).toBe(pemOf(leaf.der) + pemOf(issuing.der));
    }
    expect(text('device', 'client.pem', device.bundle({ line: underRoot() }))).toBe(pemOf(leaf.der));
  });

  it('section 2, pkey.pem: unencrypted PKCS#8, only if the CA made the key', () => {
    expect(text('device', 'pkey.pem')).toBeUndefined();
    expect(text('device', 'pkey.pem', device.bundle({ key: device.clear() }))).toBe(device.key.pkcs8Pem);
  });

  it('section 2, root.crt: the server roots of the gateway, as many as there are', () => {
    const two = gatewayRoot + gatewayRoot;
    const bundle = device.bundle({ line: line({ gatewayRoot: two }) });
    expect(text('device', 'root.crt', bundle)).toBe(two);
  });

  it('section 2, gateway.url: no newline', () => {
    for (const name of ['device', 'hsm', 'ota-ce'] as const)
      expect(text(name, 'gateway.url')).toBe('https://gateway.example:8443');
  });

  it('section 2, 20-sota-device-cred-hsm.toml: ids of two hex digits, an empty PIN, no private key, nothing sent to the server', () => {
    const toml = String(text('hsm', '20-sota-device-cred-hsm.toml'));
    for (const [key, id] of [
      ['tls_clientcert_id', '01'],
      ['tls_pkey_id', '02'],
      ['uptane_key_id', '03'],
    ]) {
      expect(toml).toContain(`\n${key} = "${id}"\n`);
    }
    expect(toml.split('pass = ""')).toHaveLength(2);
    expect(toml).toMatch(/\[telemetry\]\n(?:# .*\n)+report_config = false\n/);
    const names = layOut(LAYOUTS.hsm, device.bundle({ key: device.clear() })).map(({ name }) => name);
    expect(names.filter((name) => /key/.test(name))).toEqual([]);
  });

  it('section 2, 20-sota-device-cred.toml and 20-sota-device-cred-hsm.toml: a key with its value a line, and comments in lines of their own', () => {
    for (const [name, entry] of [
      ['device', '20-sota-device-cred.toml'],
      ['hsm', '20-sota-device-cred-hsm.toml'],
      ['ota-ce', 'config.toml'],
    ] as const) {
      for (const one of String(text(name, entry)).split('\n')) {
        expect(one).toMatch(/^(?:|\[[a-z0-9]+\]|# .+|[a-z0-9_]+ = (?:"[^"]*"|false))$/);
      }
    }
  });

  it('section 6, per-device directory: the tree of ota-ce, with the fleet root beside the devices', () => {
    const shared = layOutShared(LAYOUTS['ota-ce'], line());
    expect(shared.map(({ name, content }) => [name, Buffer.from(content).toString('utf8')])).toEqual([
      ['server_ca.pem', gatewayRoot],
      ['devices/ca.crt', pemOf(fleetRoot.der)],
    ]);
    expect(folderOf(LAYOUTS['ota-ce'], device.bundle())).toBe(`devices/${UUID}`);
  });

  it('section 10, aws-iot: the leaf followed by the CA that is registered, and the host alone', () => {
    expect(text('aws-iot', 'certificate.pem.crt')).toBe(pemOf(leaf.der) + pemOf(issuing.der));
    const own = device.bundle({ line: underRoot() });
    expect(text('aws-iot', 'certificate.pem.crt', own)).toBe(pemOf(leaf.der) + pemOf(fleetRoot.der));
    const [endpoint] = layOutShared(LAYOUTS['aws-iot'], line());
    expect(Buffer.from(endpoint?.content ?? []).toString()).toBe('gateway.example');
  });

  it('section 10, foundries: client.pem is the leaf, client.chained leaf, newline, issuer', () => {
    expect(text('foundries', 'client.pem')).toBe(pemOf(leaf.der));
    expect(text('foundries', 'client.chained')).toBe(`${pemOf(leaf.der)}\n${pemOf(issuing.der)}`);
  });

  it('section 10, p12: key, leaf and intermediate under the device ID, with the passphrase or without', () => {
    for (const [passphrase, scheme] of [
      ['', 'pbe-sha1-3des'],
      ['correct horse', 'pbes2-aes256'],
    ] as const) {
      const [file] = layOut(LAYOUTS.p12, device.bundle({ key: device.clear(passphrase) }));
      const opened = parsePkcs12(file?.content ?? new Uint8Array(), passphrase);
      expect(opened.friendlyName).toBe(UUID);
      expect(opened.certificates.map((der) => pemOf(der))).toEqual([pemOf(leaf.der), pemOf(issuing.der)]);
      expect(opened.privateKey).not.toBeNull();
      expect(opened.schemes.join(' ')).toContain(scheme);
    }
  });
});

it('a key of another kind has no SEC1 form, and the layout ota-ce leaves that file out', async () => {
  const rsa = await makeDevice(UUID, 'rsa-2048');
  const names = layOut(LAYOUTS['ota-ce'], rsa.bundle({ key: rsa.clear() })).map(({ name }) => name);
  expect(names).toEqual([
    'pkey.pem',
    'client.pem',
    `${UUID}.chain.pem`,
    'ca.pem',
    'gateway.url',
    'config.toml',
  ]);
});

it('a device whose folder would be a file that stands beside it has another', () => {
  expect(folderIn(LAYOUTS['aws-iot'], 'Endpoint')).toMatch(/^~[0-9a-f]{64}$/);
  expect(folderIn(LAYOUTS['ota-ce'], 'ca.crt')).toMatch(/^~[0-9a-f]{64}$/);
  expect(folderIn(LAYOUTS.device, 'endpoint')).toBe('endpoint');
});

it('in a fleet as it should be no layout is warned of', () => {
  const settings = { ...NO_SETTINGS, gatewayTrusts: 'trust-bundle', hardwareId: 'board-7' } as const;
  for (const name of LAYOUT_NAMES) {
    const layout = LAYOUTS[name];
    const key = layout.madeKey === 'no-place' ? ({ kind: 'elsewhere' } as const) : device.clear();
    const own = underRoot({ settings });
    expect([
      name,
      ...checkLine(layout, own),
      ...checkDevice(layout, device.bundle({ line: own, key })),
    ]).toEqual([name]);
  }
});
