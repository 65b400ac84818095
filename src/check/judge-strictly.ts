import { OID } from '../asn1/index.ts';
import {
  type ForeignCertificate,
  foreignBasicConstraints,
  foreignKeyUsage,
  hasExtension,
} from '../x509/index.ts';
import { isSelfIssuedName } from './build-chain.ts';
import { type Finding, note } from './finding.ts';
import { isLeafCa, nameOf } from './judge-purposes.ts';

type Rule = (certificate: ForeignCertificate) => string | false;

const CA_RULES: readonly Rule[] = [
  (ca) => ca.version < 3 && 'is not of version 3',
  (ca) =>
    foreignBasicConstraints(ca)?.critical === false && 'has basicConstraints that are not critical (4.2.1.9)',
  (ca) => foreignKeyUsage(ca) === null && 'has no keyUsage (4.2.1.3)',
  (ca) => !hasExtension(ca, OID.subjectKeyIdentifier) && 'has no subjectKeyIdentifier (4.2.1.2)',
];

const BELOW_ROOT: Rule = (certificate) =>
  certificate.version >= 3 &&
  !isSelfIssuedName(certificate) &&
  !hasExtension(certificate, OID.authorityKeyIdentifier) &&
  'has no authorityKeyIdentifier (4.2.1.1)';

const EMPTY_NAME: Rule = ({ subject, extensions }) =>
  subject.rdns.length === 0 &&
  !extensions.some(({ oid }) => oid === OID.subjectAltName) &&
  'has neither subject nor subjectAltName (4.1.2.6)';

/** keyCertSign belongs to CAs alone. */
const SIGNS_WITHOUT_RIGHT: Rule = (leaf) =>
  !isLeafCa(leaf) &&
  (foreignKeyUsage(leaf)?.includes('keyCertSign') ?? false) &&
  'may sign certificates by its keyUsage, and is no CA (4.2.1.9)';

const brokenRules = (certificate: ForeignCertificate, rules: readonly Rule[]): readonly string[] =>
  rules.map((rule) => rule(certificate)).filter((said) => said !== false);

/**
 * What a strict reader of RFC 5280 (`openssl verify -x509_strict`) refuses in a path that OpenSSL by itself
 * lets pass. Certificates from elsewhere are often so, and most gateways do not mind.
 */
export function judgeStrictly(path: readonly ForeignCertificate[]): readonly Finding[] {
  return path.flatMap((certificate, depth) => {
    const isDevice = depth === 0 && !isLeafCa(certificate);
    const own = isDevice ? [SIGNS_WITHOUT_RIGHT] : CA_RULES;
    const broken = brokenRules(certificate, [...own, BELOW_ROOT, EMPTY_NAME]);
    if (broken.length === 0) return [];
    const says = `By RFC 5280 to the letter, ${nameOf(certificate)} ${broken.join(', ')}.`;
    return [note(isDevice ? 'leaf-not-strict' : 'ca-not-strict', null, says)];
  });
}
