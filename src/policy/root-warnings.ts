import { OID } from '../asn1/index.ts';
import {
  type Certificate,
  findExtension,
  PURPOSES,
  readBasicConstraints,
  readExtendedKeyUsage,
  readKeyUsage,
} from '../x509/index.ts';

const SERVER_AUTH_ONLY =
  'Its extendedKeyUsage lacks clientAuth: gateways on OpenSSL, nginx and Node refuse every device under it ("unsuitable certificate purpose", TLS alert 43).';

function purposeWarnings(root: Certificate, target: string): readonly (string | false)[] {
  const extension = findExtension(root, OID.extendedKeyUsage);
  const purposes = extension && readExtendedKeyUsage(extension);
  return [
    purposes !== undefined && !purposes.includes(PURPOSES.clientAuth) && SERVER_AUTH_ONLY,
    target === 'ota-connect' &&
      !purposes?.includes(PURPOSES.serverAuth) &&
      'The OTA Connect manual says that a root without extendedKeyUsage serverAuth is rejected.',
    target === 'ota-ce' &&
      !purposes?.includes(PURPOSES.clientAuth) &&
      'ota-community-edition makes its roots with extendedKeyUsage clientAuth.',
  ];
}

/**
 * What a person should know before a root goes to its OTA server: one sentence for each trait that
 * servers or strict verifiers are known to stumble over. Empty for the default profile.
 */
export function rootWarnings(root: Certificate, target: string): readonly string[] {
  const constraints = findExtension(root, OID.basicConstraints);
  const usage = findExtension(root, OID.keyUsage);
  const { key } = root.publicKey;
  return [
    ...purposeWarnings(root, target),
    (!constraints?.critical || !readBasicConstraints(constraints).ca) &&
      'Its basicConstraints is not critical: strict verifiers (openssl verify -x509_strict) refuse the chain.',
    usage === undefined && 'It has no keyUsage; the OTA Connect manual demands keyCertSign.',
    usage !== undefined &&
      !readKeyUsage(usage).includes('cRLSign') &&
      'It may not sign CRLs (no cRLSign): a gateway that is given one from it refuses every device.',
    findExtension(root, OID.subjectKeyIdentifier) === undefined &&
      'It has no subjectKeyIdentifier: strict verifiers refuse the chain.',
    key.kind === 'rsa' &&
      key.modulusBits < 3072 &&
      `Its RSA key of ${key.modulusBits} bits is small for a root's lifetime.`,
  ].filter((warning) => warning !== false);
}
