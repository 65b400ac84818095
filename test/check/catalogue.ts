/**
 * Bundles, good and broken, each with what a check must say of it, exactly. All rows of what was measured
 * with the real client (aktualizr 2020.10) are among them: those say what was seen.
 */
import { encodePem, OID, TAG } from '../../src/asn1/index.ts';
import type { CheckCode, GivenFile, Severity } from '../../src/check/index.ts';
import type { TargetName } from '../../src/policy/index.ts';
import { encodePkcs12 } from '../../src/x509/index.ts';
import { seededRandom } from '../support/fixed.ts';
import {
  aki,
  ca,
  certify,
  cn,
  constraints,
  crl,
  days,
  ecPair,
  ed25519Pair,
  extension,
  type Issued,
  leaf,
  leafExtensions,
  type Pair,
  pem,
  pkcs8,
  purposes,
  rsaPair,
  ski,
  UUID,
  unknownExtension,
  usage,
} from './certify.ts';
import {
  bundle,
  device,
  direct,
  FRAGMENT,
  gatewayRoot,
  HSM_FRAGMENT,
  keys,
  line,
  otherRoot,
  plain,
  root,
  withLeaf,
} from './world.ts';

export interface Case {
  readonly title: string;
  readonly files: readonly GivenFile[];
  /** What the gateway trusts; absent: the fleet's root; null: nobody has told. */
  readonly trust?: readonly Issued[] | null;
  /** What the gateway looks certificates up in, PEM; absent: it does not. */
  readonly crls?: string;
  readonly target?: TargetName;
  readonly passphrase?: string;
  /** Every finding: severity and code. */
  readonly says: readonly `${Severity} ${CheckCode}`[];
}

const rsa2048 = rsaPair(2048);
const rsa1024 = rsaPair(1024);
const p384 = ecPair('P-384');
const p521 = ecPair('P-521');
const ed25519 = ed25519Pair();
const explicit = ecPair('P-256', 'explicit');

const under = (pair: Pair): readonly GivenFile[] =>
  withLeaf(leaf(root, pair, { extensions: bare(pair) }), pair);
/** Without key identifiers, which our short way of hashing knows for P-256 alone. */
const bare = (pair: Pair) => [
  usage(['digitalSignature']),
  purposes(['clientAuth']),
  ...(pair === keys ? [ski(pair)] : []),
  aki(root.keys),
];
const older = (pair: Pair, type: 'sec1' | 'pkcs1'): string =>
  pair.privateKey.export({ type: type as 'sec1', format: 'pem' }).toString();
const der = (pair: Pair): Buffer => pair.privateKey.export({ type: 'pkcs8', format: 'der' });
const encrypted = keys.privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
  .toString();

const saying = (...own: Parameters<typeof leafExtensions>[2] & object) =>
  leaf(root, keys, { extensions: leafExtensions(root, keys, own) });

const keyCases: readonly Case[] = [
  { title: 'P-256 as PKCS#8, leaf and intermediate', files: bundle(), says: [] },
  { title: 'P-256 as SEC1', files: bundle({ 'pkey.pem': older(keys, 'sec1') }), says: [] },
  { title: 'P-384', files: under(p384), says: [] },
  { title: 'Ed25519', files: under(ed25519), says: [] },
  { title: 'RSA-2048 as PKCS#8', files: under(rsa2048), says: [] },
  {
    title: 'RSA-2048 as PKCS#1',
    files: bundle({
      'client.pem': pem(leaf(root, rsa2048, { extensions: bare(rsa2048) })),
      'pkey.pem': older(rsa2048, 'pkcs1'),
    }),
    says: [],
  },
  { title: 'P-521, which no device was seen with', files: under(p521), says: ['warn key-unproven'] },
  { title: 'RSA-1024', files: under(rsa1024), says: ['fail key-weak'] },
  { title: 'explicit EC parameters', files: under(explicit), says: ['fail key-explicit-curve'] },
  { title: 'an encrypted key', files: bundle({ 'pkey.pem': encrypted }), says: ['fail key-encrypted'] },
  { title: 'a key in DER', files: bundle({ 'pkey.pem': der(keys) }), says: ['fail key-der'] },
  {
    title: 'the key of another certificate',
    files: bundle({ 'pkey.pem': pkcs8(ecPair()) }),
    says: ['fail key-mismatch'],
  },
  {
    title: 'a key that was cut off',
    files: bundle({ 'pkey.pem': pkcs8(keys).slice(0, 120) }),
    says: ['fail file-unreadable'],
  },
  {
    title: 'a certificate where the key is due',
    files: bundle({ 'pkey.pem': pem(device) }),
    says: ['fail key-unreadable'],
  },
  {
    title: 'a key that the device made, and has',
    files: bundle({ 'pkey.pem': null }),
    says: ['warn key-elsewhere'],
  },
  {
    title: 'the same key twice, of which one is another',
    files: bundle({ 'pkey.ec.pem': older(ecPair(), 'sec1') }),
    says: ['fail key-mismatch'],
  },
];

const other = ca('other line', { issuer: otherRoot, pathLength: 0 });
const alien = leaf(other, keys);
const lone = certify({
  subject: cn(UUID),
  keys,
  issuer: null,
  extensions: [usage(['digitalSignature']), purposes(['clientAuth'])],
});
const impostor = ca('line-7', { issuer: otherRoot });
const plainImpostor = ca('line-7', {
  issuer: otherRoot,
  extensions: [constraints(true), usage(['keyCertSign'])],
});
const noPath = ca('no further', { issuer: root, pathLength: 0 });
const further = ca('further', { issuer: noPath });
const notCa = certify({
  subject: cn('not a CA'),
  keys: ecPair(),
  issuer: root,
  extensions: [constraints(false), aki(root.keys)],
});

const chainCases: readonly Case[] = [
  {
    title: 'leaf, intermediate and root',
    files: bundle({ 'client.pem': pem(device, line, root) }),
    says: ['note chain-root-included'],
  },
  {
    title: 'text before the PEM',
    files: bundle({ 'client.pem': `subject=x\n${pem(device, line)}` }),
    says: [],
  },
  { title: 'CRLF', files: bundle({ 'client.pem': pem(device, line).replaceAll('\n', '\r\n') }), says: [] },
  { title: 'no final newline', files: bundle({ 'client.pem': pem(device, line).trimEnd() }), says: [] },
  { title: 'a leaf right under the root', files: withLeaf(direct), says: [] },
  {
    title: 'leaf alone under an intermediate',
    files: bundle({ 'client.pem': pem(device) }),
    says: ['fail issuer-unknown'],
  },
  {
    title: 'leaf alone, the intermediate in another file',
    files: bundle({ 'client.pem': pem(device), 'intermediate.pem': pem(line) }),
    says: ['fail chain-incomplete'],
  },
  {
    title: 'leaf alone, the gateway trusts the intermediate too',
    files: bundle({ 'client.pem': pem(device) }),
    trust: [root, line],
    says: [],
  },
  {
    title: 'intermediate first',
    files: bundle({ 'client.pem': pem(line, device) }),
    says: ['fail chain-order', 'fail key-mismatch'],
  },
  {
    title: 'a chain whose gateway trusts the intermediate alone',
    files: bundle(),
    trust: [line],
    says: ['fail gateway-lacks-root'],
  },
  { title: 'other CA, alone', files: withLeaf(leaf(otherRoot, keys)), says: ['fail issuer-unknown'] },
  {
    title: 'other CA, with its intermediate',
    files: bundle({ 'client.pem': pem(alien, other) }),
    says: ['fail untrusted'],
  },
  {
    title: 'other CA, with its root',
    files: bundle({ 'client.pem': pem(alien, other, otherRoot) }),
    says: ['fail untrusted', 'note chain-root-included'],
  },
  {
    title: 'self-signed',
    files: withLeaf(lone),
    says: ['fail self-signed'],
  },
  {
    title: 'self-signed, and nobody tells what the gateway trusts',
    files: withLeaf(lone),
    trust: null,
    says: ['fail self-signed', 'note trust-unknown'],
  },
  {
    title: 'nobody tells what the gateway trusts',
    files: bundle(),
    trust: null,
    says: ['note trust-unknown'],
  },
  {
    title: 'an intermediate of the same name and another key',
    files: bundle({ 'client.pem': pem(device, impostor, otherRoot) }),
    trust: [otherRoot],
    says: ['fail chain-broken', 'note chain-root-included'],
  },
  {
    title: 'the same, without key identifiers',
    files: bundle({ 'client.pem': pem(device, plainImpostor, otherRoot) }),
    trust: [otherRoot],
    says: ['fail chain-broken', 'note ca-not-strict', 'note chain-root-included'],
  },
  {
    title: 'a stranger among the intermediates',
    files: bundle({ 'client.pem': pem(device, other, line) }),
    says: ['warn chain-stranger'],
  },
  {
    title: 'path length exceeded',
    files: bundle({ 'client.pem': pem(leaf(further, keys), further, noPath) }),
    says: ['fail path-length'],
  },
  {
    title: 'an issuer that is no CA',
    files: bundle({ 'client.pem': pem(leaf(notCa, keys), notCa) }),
    says: ['fail issuer-not-ca', 'note ca-not-strict'],
  },
  {
    title: 'unknown critical extension',
    files: withLeaf(saying(usage(['digitalSignature']), purposes(['clientAuth']), unknownExtension(true))),
    says: ['fail unknown-critical-extension'],
  },
  {
    title: 'unknown extension that is not critical',
    files: withLeaf(saying(usage(['digitalSignature']), purposes(['clientAuth']), unknownExtension(false))),
    says: [],
  },
  {
    title: 'a signature with SHA-1',
    files: withLeaf(leaf(root, keys, { weak: true })),
    says: ['fail weak-signature'],
  },
];

const serverRoot = ca('fleet of the manual', {
  extensions: [constraints(true, null, false), usage(['keyCertSign'], false), purposes(['serverAuth'])],
});
const manualCe = ca('fleet of ota-ce', {
  extensions: [constraints(true, null, false), usage(['keyCertSign'], false), purposes(['clientAuth'])],
});
const plainRoot = ca('old', { extensions: [], version: 1 });
const withAny = extension(OID.extendedKeyUsage, Buffer.from('30060604551d2500', 'hex'));

const purposeCases: readonly Case[] = [
  { title: 'EKU clientAuth', files: withLeaf(saying(purposes(['clientAuth']))), says: [] },
  { title: 'EKU of both', files: withLeaf(saying(purposes(['serverAuth', 'clientAuth']))), says: [] },
  {
    title: 'no EKU',
    files: withLeaf(saying(usage(['digitalSignature']))),
    says: ['note leaf-without-purpose'],
  },
  {
    title: 'version 1',
    files: withLeaf(leaf(root, keys, { version: 1, extensions: [] })),
    says: ['warn leaf-version-1'],
  },
  {
    title: 'leaf with CA:TRUE',
    files: withLeaf(saying(constraints(true), usage(['digitalSignature']), purposes(['clientAuth']))),
    says: ['warn leaf-is-ca'],
  },
  {
    title: 'keyAgreement only',
    files: withLeaf(saying(usage(['keyAgreement']), purposes(['clientAuth']))),
    says: ['warn leaf-no-digital-signature'],
  },
  {
    title: 'EKU serverAuth only',
    files: withLeaf(saying(usage(['digitalSignature']), purposes(['serverAuth']))),
    says: ['fail purpose-leaf'],
  },
  {
    title: 'EKU emailProtection only, as a proof of possession has',
    files: withLeaf(saying(usage(['digitalSignature']), purposes(['emailProtection']))),
    says: ['fail purpose-leaf'],
  },
  {
    title: 'EKU any',
    files: withLeaf(saying(usage(['digitalSignature']), withAny)),
    says: ['fail purpose-any'],
  },
  {
    title: 'keyUsage keyEncipherment only',
    files: withLeaf(saying(usage(['keyEncipherment']), purposes(['clientAuth']))),
    says: ['fail purpose-leaf'],
  },
  {
    title: "root with EKU serverAuth only, as OTA Connect's manual makes it",
    files: withLeaf(leaf(serverRoot, keys)),
    trust: [serverRoot],
    says: ['fail purpose-ca', 'note ca-not-strict'],
  },
  {
    title: "root as ota-ce's scripts make it",
    files: withLeaf(leaf(manualCe, keys)),
    trust: [manualCe],
    says: ['note ca-not-strict'],
  },
  {
    title: 'a root of version 1',
    files: withLeaf(leaf(plainRoot, keys)),
    trust: [plainRoot],
    says: ['note ca-not-strict'],
  },
  {
    title: 'a leaf without key identifiers, as openssl x509 -req makes it',
    files: withLeaf(
      leaf(root, keys, { extensions: [usage(['digitalSignature']), purposes(['clientAuth'])] }),
    ),
    says: ['note leaf-not-strict'],
  },
  {
    title: 'basicConstraints that spell out CA:FALSE',
    files: withLeaf(
      saying(
        extension(OID.basicConstraints, Buffer.from('3003010100', 'hex')),
        usage(['digitalSignature']),
        purposes(['clientAuth']),
      ),
    ),
    says: [],
  },
];

const dated = (notBefore: Date, notAfter: Date): readonly GivenFile[] =>
  withLeaf(leaf(root, keys, { notBefore, notAfter }));
const endedLine = ca('line-1', { issuer: root, notAfter: days(-1) });
const freshLine = ca('line-9', { issuer: root, notBefore: days(1) });
const shortLine = ca('line-2', { issuer: root, notAfter: days(100) });

const dateCases: readonly Case[] = [
  { title: 'expired', files: dated(days(-400), days(-1)), says: ['fail leaf-expired'] },
  { title: 'not yet valid', files: dated(days(1), days(300)), says: ['fail leaf-not-yet-valid'] },
  {
    title: 'notAfter 99991231235959Z',
    files: dated(days(-30), new Date('9999-12-31T23:59:59Z')),
    says: ['note leaf-no-end'],
  },
  { title: 'ends within the month', files: dated(days(-300), days(10)), says: ['warn leaf-ends-soon'] },
  { title: 'made this minute', files: dated(days(0), days(300)), says: ['note leaf-fresh'] },
  {
    title: 'an intermediate that expired',
    files: bundle({ 'client.pem': pem(leaf(endedLine, keys), endedLine) }),
    says: ['fail ca-expired', 'warn leaf-outlives-issuer'],
  },
  {
    title: 'an intermediate that is not yet valid',
    files: bundle({ 'client.pem': pem(leaf(freshLine, keys), freshLine) }),
    says: ['fail ca-not-yet-valid'],
  },
  {
    title: 'a leaf that outlives its issuer',
    files: bundle({ 'client.pem': pem(leaf(shortLine, keys), shortLine) }),
    says: ['warn leaf-outlives-issuer'],
  },
];

const called = (subject: Parameters<typeof certify>[0]['subject']): readonly GivenFile[] =>
  withLeaf(leaf(root, keys, { subject }));

const nameCases: readonly Case[] = [
  { title: 'no CN', files: called([[OID.organizationName, 'Example']]), says: ['fail id-missing'] },
  {
    title: 'CN as BMPString',
    files: called([[OID.commonName, UUID, TAG.bmpString]]),
    says: ['fail id-unreadable'],
  },
  { title: 'CN as PrintableString', files: called([[OID.commonName, UUID, TAG.printableString]]), says: [] },
  { title: 'two CNs', files: called([...cn(UUID), ...cn('second')]), says: ['warn id-several'] },
  {
    title: 'O before CN',
    files: called([[OID.organizationName, 'Example'], ...cn(UUID)]),
    says: ['warn id-not-first'],
  },
  {
    title: 'O before CN, for ota-ce',
    files: called([[OID.organizationName, 'Example'], ...cn(UUID)]),
    target: 'ota-ce',
    says: ['fail id-not-first'],
  },
  { title: 'O after CN', files: called([...cn(UUID), [OID.organizationName, 'Example']]), says: [] },
  { title: 'a VIN', files: called(cn('WVWZZZ1JZXW000001')), target: 'ota-connect', says: [] },
  {
    title: 'a VIN, for ota-ce',
    files: called(cn('WVWZZZ1JZXW000001')),
    target: 'ota-ce',
    says: ['fail id-form'],
  },
  {
    title: 'an upper-case UUID, for ota-ce',
    files: called(cn(UUID.toUpperCase())),
    target: 'ota-ce',
    says: ['fail id-form'],
  },
  { title: 'a name with a slash', files: called(cn('a/b')), says: ['fail id-unfit'] },
];

const gatewayLeaf = leaf(gatewayRoot, ecPair(), { subject: cn('gateway.example') });
const urls: readonly (readonly [string, string, Case['says']])[] = [
  ['with a trailing newline', 'https://gateway.example\n', ['warn url-line-end']],
  ['with CRLF', 'https://gateway.example:8443\r\n', ['warn url-line-end']],
  ['with a trailing slash', 'https://gateway.example/', ['fail url-slash']],
  ['http://…', 'http://gateway.example', ['fail url-http']],
  ['with a path', 'https://gateway.example/director', ['fail url-malformed']],
  ['that is empty', '', ['fail url-missing']],
  ['that is no URL', 'gateway.example', ['fail url-malformed']],
];

const gatewayCases: readonly Case[] = [
  ...urls.map(([title, url, says]) => ({
    title: `gateway.url ${title}`,
    files: bundle({ 'gateway.url': url }),
    says,
  })),
  {
    title: 'gateway.url missing',
    files: bundle({ 'gateway.url': null }),
    says: ['fail config-names-missing-file'],
  },
  {
    title: 'root.crt with several CAs',
    files: bundle({ 'root.crt': pem(gatewayRoot, otherRoot) }),
    says: [],
  },
  {
    title: "root.crt with the server's own leaf",
    files: bundle({ 'root.crt': pem(gatewayLeaf) }),
    says: ['warn server-root-is-leaf'],
  },
  { title: 'root.crt empty', files: bundle({ 'root.crt': '' }), says: ['fail server-root-empty'] },
  {
    title: 'root.crt in DER',
    files: bundle({ 'root.crt': gatewayRoot.der }),
    says: ['fail server-root-der'],
  },
  {
    title: 'root.crt missing',
    files: bundle({ 'root.crt': null }),
    says: ['fail config-names-missing-file'],
  },
  {
    title: 'root.crt that is the fleet root',
    files: bundle({ 'root.crt': pem(root) }),
    says: ['warn server-root-is-fleet-root'],
  },
  {
    title: 'root.crt that expired',
    files: bundle({ 'root.crt': pem(ca('old gateway', { notAfter: days(-1) })) }),
    says: ['fail server-root-expired'],
  },
  {
    title: 'root.crt that is not yet valid',
    files: bundle({ 'root.crt': pem(ca('new gateway', { notBefore: days(5) })) }),
    says: ['fail server-root-not-yet-valid'],
  },
  {
    title: 'root.crt that ends soon',
    files: bundle({ 'root.crt': pem(ca('ending gateway', { notAfter: days(5) })) }),
    says: ['warn server-root-ends-soon'],
  },
  {
    title: 'root.crt made today',
    files: bundle({ 'root.crt': pem(ca('fresh gateway', { notBefore: days(0) })) }),
    says: ['note clock-at-first-boot'],
  },
  {
    title: 'root.crt that was cut off',
    files: bundle({ 'root.crt': pem(gatewayRoot).slice(0, 200) }),
    says: ['fail file-unreadable'],
  },
];

const hsm = (more: Parameters<typeof bundle>[0] = {}): readonly GivenFile[] =>
  bundle({
    'client.pem': pem(direct),
    'client.der': direct.der,
    'pkey.pem': null,
    '20-sota-device-cred.toml': null,
    '20-sota-device-cred-hsm.toml': HSM_FRAGMENT,
    ...more,
  });
const hsmConfig = (from: string | RegExp, to: string): readonly GivenFile[] =>
  hsm({ '20-sota-device-cred-hsm.toml': HSM_FRAGMENT.replace(from, to) });
const p12 = (passphrase: string): Uint8Array =>
  encodePkcs12(
    { privateKey: der(keys), certificates: [device.der, line.der], friendlyName: UUID },
    { passphrase, protection: 'pbe-sha1-3des', random: seededRandom('catalogue') },
  );

const layoutCases: readonly Case[] = [
  { title: 'HSM, right under the root', files: hsm(), says: [] },
  {
    title: 'HSM, under an intermediate',
    files: hsm({ 'client.pem': pem(device, line), 'client.der': device.der }),
    says: ['fail leaf-alone'],
  },
  {
    title: 'HSM, under an intermediate that the gateway trusts',
    files: hsm({ 'client.pem': pem(device, line), 'client.der': device.der }),
    trust: [root, line],
    says: [],
  },
  {
    title: 'HSM, under an intermediate, and nobody tells what the gateway trusts',
    files: hsm({ 'client.pem': pem(device, line), 'client.der': device.der }),
    trust: null,
    says: ['note trust-unknown', 'warn leaf-alone'],
  },
  { title: 'HSM, an id of one digit', files: hsmConfig('"02"', '"2"'), says: ['fail config-hsm-id'] },
  {
    title: 'HSM, the key of Uptane in a file',
    files: hsmConfig('key_source = "pkcs11"\n\n[import]', 'key_source = "file"\n\n[import]'),
    says: ['fail config-uptane-key-in-file'],
  },
  {
    title: 'HSM, a configuration that is reported',
    files: hsmConfig('report_config = false', 'report_config = true'),
    says: ['warn config-reports-pin'],
  },
  {
    title: 'a configuration with a line that is none',
    files: bundle({ '20-sota-device-cred.toml': `${FRAGMENT}oops\n` }),
    says: ['fail config-malformed'],
  },
  {
    title: 'a certificate in DER alone',
    files: bundle({ 'client.pem': direct.der }),
    says: ['fail certificate-der'],
  },
  {
    title: 'no certificate',
    files: bundle({ 'client.pem': null }),
    says: ['fail certificate-missing', 'fail config-names-missing-file'],
  },
  {
    title: 'an empty certificate',
    files: bundle({ 'client.pem': '' }),
    says: ['fail certificate-missing'],
  },
  {
    title: 'a certificate that was cut off',
    files: bundle({ 'client.pem': pem(direct).slice(0, 300) }),
    says: ['fail file-unreadable'],
  },
  {
    title: 'a certificate whose base64 is no certificate',
    files: bundle({ 'client.pem': encodePem('CERTIFICATE', Buffer.from('nonsense')) }),
    says: ['fail file-unreadable'],
  },
  { title: 'a key that all may read', files: bundle({}, 0o644), says: ['warn file-too-open'] },
  { title: 'a zip that tells no modes', files: bundle({}, null), says: [] },
  {
    title: 'PKCS#12 with an empty password',
    files: plain({ [`${UUID}.p12`]: p12('') }),
    says: ['note server-root-missing'],
  },
  {
    title: 'PKCS#12 with its passphrase',
    files: plain({ [`${UUID}.p12`]: p12('open sesame') }),
    passphrase: 'open sesame',
    says: ['note server-root-missing'],
  },
  {
    title: 'PKCS#12 with a password that nobody told',
    files: plain({ [`${UUID}.p12`]: p12('open sesame') }),
    says: ['fail pkcs12-unreadable', 'note server-root-missing', 'warn key-elsewhere'],
  },
  {
    title: 'plain PEM files with the fleet root beside them',
    files: plain({
      'dev.chain.pem': pem(device, line),
      'dev.key.pem': pkcs8(keys),
      'fleet-root.pem': pem(root),
    }),
    trust: null,
    says: ['note server-root-missing'],
  },
  {
    title: "another tool's names",
    files: plain({ 'device.crt': pem(device, line), 'device.key': pkcs8(keys), 'ca.crt': pem(root) }),
    trust: null,
    says: ['note server-root-missing'],
  },
  {
    title: "ota-ce's tree",
    files: plain({
      [`devices/${UUID}/client.pem`]: pem(direct),
      [`devices/${UUID}/pkey.pem`]: pkcs8(keys),
      [`devices/${UUID}/pkey.ec.pem`]: older(keys, 'sec1'),
      [`devices/${UUID}/${UUID}.chain.pem`]: pem(direct, root),
      [`devices/${UUID}/ca.pem`]: pem(gatewayRoot),
      [`devices/${UUID}/gateway.url`]: 'https://gateway.example',
      [`devices/${UUID}/config.toml`]: FRAGMENT.replace('root.crt', 'ca.pem'),
      'server_ca.pem': pem(gatewayRoot),
      'devices/ca.crt': pem(root),
    }),
    trust: null,
    target: 'ota-ce',
    says: [],
  },
  {
    title: "ota-ce's tree, in another device's folder",
    files: plain({
      'devices/1f8fad5b-d9cb-469f-a165-70867728950e/client.pem': pem(direct),
      'devices/1f8fad5b-d9cb-469f-a165-70867728950e/pkey.pem': pkcs8(keys),
      'devices/1f8fad5b-d9cb-469f-a165-70867728950e/ca.pem': pem(gatewayRoot),
      'devices/1f8fad5b-d9cb-469f-a165-70867728950e/gateway.url': 'https://gateway.example',
    }),
    target: 'ota-ce',
    says: ['warn id-not-folder'],
  },
  {
    title: 'a directory for SoftHSM with an older key',
    files: plain({
      'client.pem': pem(direct),
      'pkey.pem': older(keys, 'sec1'),
      'root.crt': pem(gatewayRoot),
    }),
    says: ['warn key-not-pkcs8', 'warn url-missing'],
  },
  {
    title: 'AWS IoT',
    files: plain({
      'd/certificate.pem.crt': pem(device, line),
      'd/private.pem.key': pkcs8(keys),
      'd/AmazonRootCA1.pem': pem(gatewayRoot),
      endpoint: 'gateway.example',
    }),
    says: [],
  },
];

const BOM = '\uFEFF';
const trusting = encodePem(
  'TRUSTED CERTIFICATE',
  Buffer.concat([device.der, Buffer.from('300c300a06082b06010505070302', 'hex')]),
);

/** As people make them at night. */
const oddCases: readonly Case[] = [
  {
    title: 'a byte order mark before the PEM',
    files: bundle({ 'client.pem': BOM + pem(device, line) }),
    says: [],
  },
  {
    title: 'gateway.url with a byte order mark',
    files: bundle({ 'gateway.url': `${BOM}https://gateway.example` }),
    says: ['fail url-malformed'],
  },
  {
    title: 'gateway.url in quotes',
    files: bundle({ 'gateway.url': '"https://gateway.example"' }),
    says: ['fail url-malformed'],
  },
  {
    title: 'a certificate in UTF-16',
    files: bundle({ 'client.pem': Buffer.from(BOM + pem(device, line), 'utf16le') }),
    says: ['fail certificate-missing'],
  },
  {
    title: 'a request in place of the certificate',
    files: bundle({ 'client.pem': encodePem('CERTIFICATE REQUEST', Buffer.from('3000', 'hex')) }),
    says: ['fail certificate-missing'],
  },
  {
    title: 'the page of a download that failed',
    files: bundle({ 'client.pem': '<html><body>404 Not Found</body></html>' }),
    says: ['fail certificate-missing'],
  },
  {
    title: 'a public key in place of the private one',
    files: bundle({ 'pkey.pem': encodePem('PUBLIC KEY', keys.spki) }),
    says: ['fail key-unreadable'],
  },
  {
    title: "OpenSSL's own form of a certificate",
    files: bundle({ 'client.pem': trusting + pem(line) }),
    says: [],
  },
  {
    title: 'key and certificate in one file',
    files: bundle({
      'client.pem': pem(device, line) + pkcs8(keys),
      'pkey.pem': null,
      '20-sota-device-cred.toml': null,
    }),
    says: ['warn key-beside-certificate'],
  },
  {
    title: 'the leaf twice',
    files: bundle({ 'client.pem': pem(device, device, line) }),
    says: ['warn chain-stranger'],
  },
  {
    title: "the key of the gateway's root beside it",
    files: bundle({ 'root.crt': pem(gatewayRoot) + pkcs8(gatewayRoot.keys) }),
    says: ['fail key-of-ca'],
  },
  {
    title: 'the key of the intermediate for that of the device',
    files: bundle({ 'pkey.pem': pkcs8(line.keys) }),
    says: ['fail key-mismatch', 'fail key-of-ca'],
  },
  {
    title: 'a folder that was copied into the folder',
    files: bundle().map((file) => ({ ...file, path: `import/${file.path}` })),
    says: ['warn files-nested'],
  },
  {
    title: "root.crt that is the device's own intermediate",
    files: bundle({ 'root.crt': pem(line) }),
    says: ['warn server-root-is-fleet-root'],
  },
  {
    title: 'root.crt that is the fleet root, right above the device',
    files: bundle({ 'client.pem': pem(direct), 'root.crt': pem(root) }),
    says: ['warn server-root-is-fleet-root'],
  },
];

const noListKeys = ecPair();
const noList = ca('no lists', {
  keys: noListKeys,
  extensions: [constraints(true), usage(['keyCertSign']), ski(noListKeys)],
});
const rootList = crl(root);
const looked = (crls: string, says: Case['says'], title: string): Case => ({
  title,
  files: bundle(),
  trust: [root, line],
  crls,
  says,
});

const crlCases: readonly Case[] = [
  looked(rootList + crl(line), [], 'a CRL of each CA'),
  looked(rootList + crl(line, [direct]), [], 'a serial number on the CRL of another issuer'),
  looked(rootList + crl(line, [device]), ['fail leaf-revoked'], 'a device that was revoked'),
  looked(crl(root, [line]) + crl(line), ['fail ca-revoked'], 'an intermediate that was revoked'),
  looked(rootList, ['fail crl-missing'], 'no CRL of the intermediate'),
  looked(crl(line), ['fail crl-missing'], 'no CRL of the root'),
  looked(rootList + crl(line, [], { from: -8, to: -1 }), ['fail crl-expired'], 'a CRL that ran out'),
  looked(
    rootList + crl(line, [], { from: -9, to: -2 }) + crl(line),
    [],
    'a CRL that ran out, and its successor beside it',
  ),
  looked(rootList + crl(line, [], { from: 1, to: 8 }), ['fail crl-not-yet-valid'], 'a CRL of tomorrow'),
  looked(rootList + crl(line, [], { from: -5, to: 2 }), ['warn crl-ends-soon'], 'a hook that does not run'),
  looked(
    rootList + crl(line, [], { keys: ecPair() }),
    ['fail crl-broken'],
    'a CRL of a CA of the same name with another key',
  ),
  {
    title: 'a CRL of a root without cRLSign',
    files: withLeaf(leaf(noList, keys)),
    trust: [noList],
    crls: crl(noList),
    says: ['fail crl-issuer-may-not-sign'],
  },
];

export const CATALOGUE: readonly Case[] = [
  ...keyCases,
  ...chainCases,
  ...purposeCases,
  ...dateCases,
  ...nameCases,
  ...gatewayCases,
  ...layoutCases,
  ...crlCases,
  ...oddCases,
];
