import { OID } from '../asn1/index.ts';
import {
  type Certificate,
  findExtension,
  readBasicConstraints,
  readExtendedKeyUsage,
  readKeyUsage,
  readSubjectKeyIdentifier,
} from '../x509/index.ts';
import type { CertificatePlan } from './plan.ts';

type Tbs = Omit<Certificate, 'der' | 'signature'>;

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Field by field: what was read back against what was planned. */
function compareToPlan(tbs: Tbs, { content }: CertificatePlan): readonly (readonly [boolean, string])[] {
  return [
    [equal(tbs.serial, content.serial), 'the serial differs from the plan'],
    [tbs.algorithm === content.algorithm, 'the signature algorithm differs from the plan'],
    [equal(tbs.issuer.der, content.issuer), 'the issuer differs from the plan'],
    [equal(tbs.subject.der, content.subject), 'the subject differs from the plan'],
    [tbs.notBefore.getTime() === content.notBefore.getTime(), 'notBefore differs from the plan'],
    [tbs.notAfter.getTime() === content.notAfter.getTime(), 'notAfter differs from the plan'],
    [equal(tbs.publicKey.spki, content.publicKey), 'the public key differs from the plan'],
    [
      tbs.extensions.length === content.extensions.length &&
        tbs.extensions.every((e, i) => {
          const planned = content.extensions[i];
          return planned?.oid === e.oid && planned.critical === e.critical && equal(planned.value, e.value);
        }),
      'the extensions differ from the plan',
    ],
  ];
}

/** Rules of RFC 5280 that hold for everything we sign. */
function lintCommon(tbs: Tbs, { issuer, kind }: CertificatePlan): readonly (readonly [boolean, string])[] {
  const [first = 0] = tbs.serial;
  const cn = tbs.subject.rdns[0]?.[0];
  return [
    // 4.1.2.2: positive, at most 20 octets; ours have 16 and begin with neither a sign bit nor a zero.
    [
      tbs.serial.length === 16 && first > 0 && first < 0x80,
      'the serial is not 16 octets of a positive number',
    ],
    [tbs.notBefore < tbs.notAfter, 'notBefore is not before notAfter'],
    [issuer === null || tbs.notAfter <= issuer.certificate.notAfter, 'it outlives its issuer'],
    [issuer === null || tbs.notBefore >= issuer.certificate.notBefore, 'it begins before its issuer'],
    // A root that was made elsewhere has the name that it has.
    [
      kind === 'link' || (cn?.type === OID.commonName && (cn.value ?? '') !== ''),
      'the subject does not begin with its CN',
    ],
    // 4.2.1.1: everything but a self-signed certificate has an AKI.
    [issuer === null || findExtension(tbs, OID.authorityKeyIdentifier) !== undefined, 'there is no AKI'],
  ];
}

function lintDevice(tbs: Tbs): readonly (readonly [boolean, string])[] {
  const constraints = findExtension(tbs, OID.basicConstraints);
  const usage = findExtension(tbs, OID.keyUsage);
  const usages = usage ? readKeyUsage(usage) : [];
  const purposes = findExtension(tbs, OID.extendedKeyUsage);
  return [
    [!constraints || !readBasicConstraints(constraints).ca, 'a device certificate is a CA'],
    [
      !usages.includes('keyCertSign') && !usages.includes('cRLSign'),
      'a device certificate may sign certificates',
    ],
    [!purposes || !readExtendedKeyUsage(purposes).includes(OID.anyExtendedKeyUsage), 'it is for any purpose'],
  ];
}

function lintAuthority(tbs: Tbs, { kind }: CertificatePlan): readonly (readonly [boolean, string])[] {
  const constraints = findExtension(tbs, OID.basicConstraints);
  const usage = findExtension(tbs, OID.keyUsage);
  const ski = findExtension(tbs, OID.subjectKeyIdentifier);
  return [
    [constraints !== undefined && readBasicConstraints(constraints).ca, 'an authority is not a CA'],
    [
      usage !== undefined && readKeyUsage(usage).includes('keyCertSign'),
      'an authority may not sign certificates',
    ],
    // A link repeats its root's, whatever that is.
    [kind === 'link' || !ski || readSubjectKeyIdentifier(ski).length === 20, 'the SKI has not 160 bits'],
  ];
}

/** What is wrong with an encoded certificate, one sentence each; empty where it is what was planned. */
export function lintCertificate(tbs: Tbs, plan: CertificatePlan): readonly string[] {
  const checks = [
    ...compareToPlan(tbs, plan),
    ...lintCommon(tbs, plan),
    ...(plan.kind === 'device' ? lintDevice(tbs) : lintAuthority(tbs, plan)),
  ];
  return checks.filter(([holds]) => !holds).map(([, fault]) => fault);
}
