import { describe, expect, it } from 'vitest';
import { OID, TAG } from '../../src/asn1/index.ts';
import {
  type BundleContent,
  type BundleLine,
  checkDevice,
  checkKey,
  checkLine,
  LAYOUT_NAMES,
  LAYOUTS,
  type LayoutName,
  verifyFindings,
} from '../../src/bundle/index.ts';
import { type Extension, encodeExtendedKeyUsage, encodeKeyUsage } from '../../src/x509/index.ts';
import { refusalOf } from '../support/refusal.ts';
import {
  fleetRoot,
  line,
  makeDevice,
  NO_SETTINGS,
  pemOf,
  UUID,
  underManualRoot,
  underRoot,
  VIN,
  withSubject,
} from './sample.ts';

const vehicle = await makeDevice(VIN);
const board = await makeDevice(UUID);

const verdicts = (findings: ReturnType<typeof checkLine>): readonly string[] =>
  findings.map(({ verdict }) => verdict);
const ofLine = (name: LayoutName, own: BundleLine) => checkLine(LAYOUTS[name], own);
const ofDevice = (name: LayoutName, bundle: BundleContent) => checkDevice(LAYOUTS[name], bundle);

describe('a device that presents its leaf alone, under an intermediate,', () => {
  const trusting = (gatewayTrusts: 'fleet-root' | 'trust-bundle' | null): BundleLine =>
    line({ settings: { ...NO_SETTINGS, gatewayTrusts, hardwareId: 'board-7' } });

  it.each(['hsm', 'token', 'foundries'] as const)(
    'is refused, warned of or taken by what the gateway trusts: %s',
    (name) => {
      expect(verdicts(ofLine(name, trusting('fleet-root')))).toEqual(['refuse']);
      expect(verdicts(ofLine(name, trusting(null)))).toEqual(['warn']);
      expect(verdicts(ofLine(name, trusting('trust-bundle')))).toEqual([]);
      expect(verdicts(ofLine(name, { ...trusting('fleet-root'), issuers: [fleetRoot] }))).toEqual([]);
    },
  );

  it.each(['device', 'ota-ce', 'pem'] as const)(
    'is no matter of a layout whose devices present the chain: %s',
    (name) => {
      expect(ofLine(name, trusting('fleet-root'))).toEqual([]);
    },
  );
});

describe('a device ID that is no lower-case UUID', () => {
  it.each([VIN, UUID.toUpperCase(), `${UUID} `])(
    'section 5, device ID: is refused by the layout ota-ce: %s',
    (deviceId) => {
      const bundle = withSubject({ ...vehicle.bundle(), deviceId }, [OID.commonName, deviceId]);
      expect(verdicts(ofDevice('ota-ce', bundle))).toEqual(['refuse']);
      expect(verdicts(ofDevice('device', bundle))).toEqual([]);
    },
  );

  it('is refused by any layout of aktualizr in a fleet whose target is ota-ce', () => {
    const bundle = vehicle.bundle({ line: line({ target: 'ota-ce' }) });
    for (const name of ['device', 'hsm', 'foundries'] as const)
      expect(verdicts(ofDevice(name, bundle))).toEqual(['refuse']);
  });
});

describe('a root for serverAuth alone', () => {
  it('is warned of, for the closed server may take it; and refused where nginx is the gateway', () => {
    for (const name of ['device', 'hsm'] as const)
      expect(verdicts(ofLine(name, underManualRoot()))).toEqual(['warn']);
    expect(verdicts(ofLine('device', underManualRoot({ target: 'ota-ce' })))).toEqual(['refuse']);
    expect(verdicts(ofLine('ota-ce', underManualRoot()))).toContain('refuse');
    expect(ofLine('device', underManualRoot())[0]?.message).toContain('CN=manual');
  });
});

describe("the gateway's URL", () => {
  it.each([
    'https://gateway.example/',
    'https://gateway.example/path',
    'http://gateway.example',
    'https://gateway.example\n',
  ])('is refused where a device would not get through with it: %j', (gatewayUrl) => {
    for (const name of ['device', 'hsm', 'ota-ce', 'foundries', 'aws-iot'] as const)
      expect(verdicts(ofLine(name, underRoot({ gatewayUrl })))).toContain('refuse');
    expect(ofLine('pem', underRoot({ gatewayUrl }))).toEqual([]);
  });

  it('section 8, files of a device: the URL and its root are missed by name', () => {
    for (const name of LAYOUT_NAMES) {
      const refusal = refusalOf(() =>
        verifyFindings(ofLine(name, line({ gatewayUrl: null, gatewayRoot: null }))),
      );
      const { needs } = LAYOUTS[name];
      expect([name, refusal?.code]).toEqual([name, needs.length === 0 ? undefined : 'bundle-unfit']);
      for (const need of needs) expect(refusal?.message).toContain(need);
    }
  });
});

describe("the gateway's server root", () => {
  it("section 8, which root is which: one that is the fleet's own is warned of", () => {
    expect(verdicts(ofLine('device', line({ gatewayRoot: pemOf(fleetRoot.der) })))).toEqual(['warn']);
  });

  it('that has expired since is warned of', () => {
    const later = new Date('2046-01-01T00:00:00Z');
    expect(
      ofLine('device', line({ now: later }))
        .map(({ message }) => message)
        .join(),
    ).toContain('gateway root');
  });
});

describe('the subject', () => {
  const [cn, o] = [OID.commonName, OID.organizationName];

  it('with attributes before the common name is refused for ota-ce, and warned of elsewhere', () => {
    const before = withSubject(board.bundle(), [o, 'Maker'], [cn, UUID]);
    expect(verdicts(ofDevice('ota-ce', before))).toContain('refuse');
    expect(verdicts(ofDevice('device', before))).toEqual(['warn']);
    expect(verdicts(ofDevice('device', { ...before, line: line({ target: 'ota-ce' }) }))).toEqual(['refuse']);
    expect(ofDevice('ota-ce', withSubject(board.bundle(), [cn, UUID], [o, 'Maker']))).toEqual([]);
  });

  it.each([
    ['BMPString', TAG.bmpString],
    ['TeletexString', TAG.teletexString],
    ['IA5String', TAG.ia5String],
  ])('with a common name as %s is refused: the client would have an empty device ID', (_name, tag) => {
    expect(verdicts(ofDevice('device', withSubject(vehicle.bundle(), [cn, VIN, tag])))).toEqual(['refuse']);
  });

  it.each([
    ['UTF8String', TAG.utf8String],
    ['PrintableString', TAG.printableString],
  ])('with a common name as %s is taken', (_name, tag) => {
    expect(ofDevice('device', withSubject(vehicle.bundle(), [cn, VIN, tag]))).toEqual([]);
  });

  it('without a common name, or with that of another device, is refused; with two it is warned of', () => {
    expect(verdicts(ofDevice('device', withSubject(vehicle.bundle(), [o, 'Maker'])))).toContain('refuse');
    expect(verdicts(ofDevice('device', withSubject(vehicle.bundle(), [cn, 'other'])))).toEqual(['refuse']);
    expect(verdicts(ofDevice('device', withSubject(vehicle.bundle(), [cn, VIN], [cn, VIN])))).toEqual([
      'warn',
    ]);
  });
});

describe('a certificate that is for something else', () => {
  const saying = (oid: string, value: Uint8Array): BundleContent => {
    const bundle = vehicle.bundle();
    const extensions = bundle.certificate.extensions.map(
      (one): Extension => (one.oid === oid ? { ...one, value } : one),
    );
    return { ...bundle, certificate: { ...bundle.certificate, extensions } };
  };

  it.each([
    ['extendedKeyUsage serverAuth', saying(OID.extendedKeyUsage, encodeExtendedKeyUsage(['serverAuth']))],
    ['keyUsage keyEncipherment', saying(OID.keyUsage, encodeKeyUsage(['keyEncipherment']))],
  ])(
    'is refused where a device calls a gateway with it, and warned of as plain files: %s',
    (_what, bundle) => {
      expect(verdicts(ofDevice('device', bundle))).toEqual(['refuse']);
      expect(verdicts(ofDevice('pem', bundle))).toEqual(['warn']);
    },
  );
});

describe('a key', () => {
  it('that the CA made has no place where the device makes it, and must be there for a PKCS#12 file', () => {
    const kinds = ['elsewhere', 'clear', 'envelope'] as const;
    const taken = (name: LayoutName) => kinds.filter((kind) => checkKey(LAYOUTS[name], kind).length === 0);
    expect(LAYOUT_NAMES.map((name) => [name, taken(name)])).toEqual([
      ['device', ['elsewhere', 'clear']],
      ['hsm', ['elsewhere']],
      ['token', ['elsewhere', 'clear']],
      ['ota-ce', ['elsewhere', 'clear']],
      ['foundries', ['elsewhere']],
      ['aws-iot', ['elsewhere', 'clear']],
      ['p12', ['clear', 'envelope']],
      ['pem', ['elsewhere', 'clear']],
    ]);
  });

  it('of a kind that the target does not take is warned of, or refused', async () => {
    const edwards = await makeDevice(VIN, 'ed25519');
    expect(verdicts(ofDevice('hsm', edwards.bundle()))).toEqual(['warn']);
    expect(verdicts(ofDevice('aws-iot', edwards.bundle()))).toEqual(['refuse']);
    expect(ofDevice('device', edwards.bundle())).toEqual([]);
  });

  it('that is not in a token directory is warned of: the image waits for it', () => {
    expect(verdicts(ofDevice('token', vehicle.bundle()))).toEqual(['warn']);
    expect(ofDevice('token', vehicle.bundle({ key: vehicle.clear() }))).toEqual([]);
  });
});

it('the CA to register at AWS IoT is said where it is not the root', () => {
  expect(
    ofLine('aws-iot', line())
      .map(({ message }) => message)
      .join(),
  ).toContain('CN=line-7');
  expect(ofLine('aws-iot', underRoot())).toEqual([]);
});

it('a foundries bundle without a hardware ID is warned of', () => {
  expect(verdicts(ofLine('foundries', underRoot()))).toEqual(['warn']);
});

it('what is refused names every reason, and what is not gives the warnings', () => {
  const refuse = { verdict: 'refuse', message: 'One.' } as const;
  const warn = { verdict: 'warn', message: 'Two.' } as const;
  const refusal = refusalOf(() => verifyFindings([refuse, warn, { ...refuse, message: 'Three.' }]));
  expect([refusal?.code, refusal?.message]).toEqual(['bundle-unfit', 'One. Three.']);
  expect(verifyFindings([warn])).toEqual(['Two.']);
});
