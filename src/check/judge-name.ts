import { OID, TAG } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { type TargetName, verifyDeviceId } from '../policy/index.ts';
import { attributesOf, type ForeignCertificate } from '../x509/index.ts';
import { type Finding, fail, warn } from './finding.ts';
import { baseName, folderName } from './given-file.ts';

/** Another form is read as an empty name, and the client reports success. */
const READ_FORMS: ReadonlySet<number> = new Set([TAG.utf8String, TAG.printableString]);
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The device ID, as the client takes it: the first common name. */
export const deviceIdOf = (leaf: ForeignCertificate): string | null =>
  attributesOf(leaf.subject, OID.commonName)[0]?.value || null;

function readFault(leaf: ForeignCertificate): Finding | undefined {
  const [first] = attributesOf(leaf.subject, OID.commonName);
  if (!first?.value)
    return fail('id-missing', null, 'The certificate has no common name: the client stops at once.');
  return READ_FORMS.has(first.tag)
    ? undefined
    : fail(
        'id-unreadable',
        null,
        'The common name is neither UTF8String nor PrintableString: the client takes an empty device ID, and reports success.',
      );
}

function orderFault({ subject }: ForeignCertificate, target: TargetName): Finding | undefined {
  const [first] = subject.rdns;
  if (first?.length === 1 && first[0]?.type === OID.commonName) return undefined;
  const says =
    "The subject has other attributes before its common name: ota-ce's gateway takes them for a part of the device ID.";
  return target === 'ota-ce' ? fail('id-not-first', null, says) : warn('id-not-first', null, says);
}

/** Whether it can be a path segment and a header, as gateways make it one. */
function formFault(id: string, target: TargetName): Finding | undefined {
  try {
    verifyDeviceId(id, 'any');
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    return fail('id-unfit', null, `${failure.message} Gateways make it a part of a path and a header.`);
  }
  return target === 'ota-ce' && !UUID.test(id)
    ? fail('id-form', null, `The device ID ${id} is no lower-case UUID: ota-ce finds no device under it.`)
    : undefined;
}

/** A folder that is named as a UUID is named for a device. */
function folderFault(id: string, path: string | null): Finding | undefined {
  const folder = baseName(folderName(path ?? ''));
  return UUID.test(folder) && folder !== id
    ? warn('id-not-folder', path, `The folder is named ${folder}, and the certificate ${id}.`)
    : undefined;
}

/** The name of the device, by the rules of its OTA server. `path`: the file that the certificate is in. */
export function judgeName(
  leaf: ForeignCertificate,
  target: TargetName,
  path: string | null,
): readonly Finding[] {
  const unread = readFault(leaf);
  if (unread !== undefined) return [unread];
  const names = attributesOf(leaf.subject, OID.commonName);
  const id = deviceIdOf(leaf) ?? '';
  return [
    names.length > 1
      ? warn(
          'id-several',
          null,
          `The certificate has ${names.length} common names: the client takes the first, some gateways the last.`,
        )
      : undefined,
    orderFault(leaf, target),
    formFault(id, target),
    folderFault(id, path),
  ].filter((one) => one !== undefined);
}
