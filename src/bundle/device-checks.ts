import { OID, TAG } from '../asn1/index.ts';
import { attributesOf, checkHandshake, describeKey } from '../x509/index.ts';
import type { DeviceCheck, Finding } from './layout.ts';

const refuse = (message: string): Finding => ({ verdict: 'refuse', message });
const warn = (message: string): Finding => ({ verdict: 'warn', message });

const commonNames = ({ certificate }: Parameters<DeviceCheck>[0]) =>
  attributesOf(certificate.subject, OID.commonName);

const hasCommonName: DeviceCheck = (bundle) => {
  const [cn, second] = commonNames(bundle);
  if (!cn) return refuse('The certificate has no common name: the client stops at once.');
  if (second) {
    return warn(
      'The certificate has two common names: some gateways take the first for the device, others the last.',
    );
  }
  return undefined;
};

/** The client reads these two forms alone: of any other it makes an empty device ID, and says that all is well. */
const READ_FORMS: ReadonlySet<number> = new Set([TAG.utf8String, TAG.printableString]);

const readableCommonName: DeviceCheck = (bundle) => {
  const [cn] = commonNames(bundle);
  return !cn || READ_FORMS.has(cn.tag)
    ? undefined
    : refuse(
        'The common name is neither a UTF8String nor a PrintableString: the client takes it for an empty device ID, and reports success.',
      );
};

const ownCommonName: DeviceCheck = (bundle) => {
  const [cn] = commonNames(bundle);
  return cn?.value === undefined || cn.value === bundle.deviceId
    ? undefined
    : refuse('The common name is not the device ID: to the server it would be another device.');
};

function namesBeforeCn({ certificate }: Parameters<DeviceCheck>[0]): boolean {
  const [first] = certificate.subject.rdns;
  return first !== undefined && !(first.length === 1 && first[0]?.type === OID.commonName);
}

const BEFORE_CN =
  'The subject has other attributes before its common name: the gateways of ota-ce take them for a part of the device ID';

/** ota-ce's gateway takes all that follows `CN=` in the reversed subject. */
export const cnFirst: DeviceCheck = (bundle) => (namesBeforeCn(bundle) ? refuse(`${BEFORE_CN}.`) : undefined);

const cnFirstByTarget: DeviceCheck = (bundle) => {
  if (!namesBeforeCn(bundle)) return undefined;
  return bundle.line.target === 'ota-ce' ? cnFirst(bundle) : warn(`${BEFORE_CN}; others do not.`);
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** ota-ce knows a device by its UUID, and the registry compares octets. */
export const lowerCaseUuid: DeviceCheck = ({ deviceId }) =>
  UUID.test(deviceId)
    ? undefined
    : refuse('The device ID is no lower-case UUID: ota-ce takes no other for a device.');

const lowerCaseUuidByTarget: DeviceCheck = (bundle) =>
  bundle.line.target === 'ota-ce' ? lowerCaseUuid(bundle) : undefined;

const unfitForTls = ({ certificate }: Parameters<DeviceCheck>[0]): string | undefined => {
  const [fault] = checkHandshake(certificate, 'clientAuth');
  return fault && `The device's certificate ${fault}: gateways refuse it as a client's.`;
};

const fitForTls: DeviceCheck = (bundle) => {
  const fault = unfitForTls(bundle);
  return fault === undefined ? undefined : refuse(fault);
};

/** Where the files may be for something else than a device that calls a gateway. */
export const purposesSaid: DeviceCheck = (bundle) => {
  const fault = unfitForTls(bundle);
  return fault === undefined ? undefined : warn(fault);
};

/** What holds for every layout that aktualizr reads. */
export const aktualizrChecks: readonly DeviceCheck[] = [
  hasCommonName,
  readableCommonName,
  ownCommonName,
  cnFirstByTarget,
  lowerCaseUuidByTarget,
  fitForTls,
];

/** What tokens and the client's engine for them are known to work with. */
export const tokenKey: DeviceCheck = ({ certificate: { publicKey } }) => {
  const { key } = publicKey;
  const isKnown = key.kind === 'rsa' || (key.kind === 'ec' && key.curve === 'P-256');
  return isKnown
    ? undefined
    : warn(
        `The device's key is ${describeKey(key)}: in a token the client is known to work with P-256 and RSA.`,
      );
};

/** The SoftHSM image waits for both files. */
export const keyForImport: DeviceCheck = ({ key }) =>
  key.kind === 'clear'
    ? undefined
    : warn(
        'There is no pkey.pem, and the image loads nothing without it: put the key beside client.pem, as PKCS#8. A key that never leaves its token wants the layout hsm.',
      );

export const awsKey: DeviceCheck = ({ certificate: { publicKey } }) =>
  publicKey.key.kind === 'ed25519'
    ? refuse("The device's key is Ed25519, which AWS IoT does not take in a client's certificate.")
    : undefined;
