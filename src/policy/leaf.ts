import { OID } from '../asn1/index.ts';
import {
  type Extension,
  keyIdentifier,
  type LeafTemplate,
  makeLeafTemplate,
  type PublicKey,
  parseTbs,
} from '../x509/index.ts';
import { lintCertificate } from './lint.ts';
import { deviceValidity, type Issuer, planDeviceCertificate, type Validity } from './plan.ts';
import type { DeviceProfile } from './profile.ts';
import type { GrantedExtensions } from './requested-extensions.ts';
import { prepareLeafTbs, prepareTbs, type SignableTbs } from './signable.ts';
import { subjectFor } from './subject.ts';

/** What one device asks of a mould. */
export interface LeafWish {
  readonly deviceId: string;
  readonly publicKey: PublicKey;
  readonly granted: GrantedExtensions;
  readonly serial: Uint8Array;
  readonly now: Date;
  /** null: the profile's validity. */
  readonly notAfter: Date | null;
}

/** A leaf that may be signed, with what its validity had to be bent to. */
export interface PreparedLeaf {
  readonly tbs: SignableTbs;
  readonly warnings: readonly string[];
}

/** Step 2 for the leaves of one issuer and profile: plan, octets, lint. */
export type LeafMould = (wish: LeafWish) => PreparedLeaf;

const NOTHING_GRANTED: GrantedExtensions = { purposes: [], subjectAltName: 'none', warnings: [] };

function splitAtKeyIdentifier(
  extensions: readonly Extension[],
): readonly [readonly Extension[], readonly Extension[]] {
  const at = extensions.findIndex(({ oid }) => oid === OID.subjectKeyIdentifier);
  if (at === -1) throw new Error('a leaf without subjectKeyIdentifier has no template');
  return [extensions.slice(0, at), extensions.slice(at + 1)];
}

/**
 * The template of an issuer and a profile. A sample is planned, written by the template and linted
 * against its plan, so that all fixed parts have passed the lints before the first leaf is made.
 */
function makeTemplate(profile: DeviceProfile, issuer: Issuer, now: Date): LeafTemplate {
  // Any key will do: the sample is never signed.
  const { publicKey } = issuer.certificate;
  const serial = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
  const commonName = 'sample';
  const plan = planDeviceCertificate({
    profile,
    deviceId: commonName,
    publicKey,
    granted: NOTHING_GRANTED,
    issuer,
    serial,
    now,
    notAfter: null,
  });
  const { content } = plan;
  const [before, after] = splitAtKeyIdentifier(content.extensions);
  const template = makeLeafTemplate({
    algorithm: content.algorithm,
    issuer: content.issuer,
    subjectTail: subjectFor(commonName, profile.subject).slice(1),
    before,
    after,
  });
  const tbs = template.encode({
    serial,
    notBefore: content.notBefore,
    notAfter: content.notAfter,
    commonName,
    publicKey: publicKey.spki,
    keyIdentifier: keyIdentifier(publicKey.keyBits),
  });
  const faults = lintCertificate(parseTbs(tbs), plan);
  if (faults.length > 0)
    throw new Error(`the template of profile ${profile.name} is wrong: ${faults.join('; ')}`);
  return template;
}

/** Most leaves of a chunk share their validity. */
function shareValidity(
  profile: DeviceProfile,
  issuer: Issuer,
): (now: Date, notAfter: Date | null) => Validity {
  let last: { readonly now: number; readonly validity: Validity } | undefined;
  return (now, notAfter) => {
    if (notAfter) return deviceValidity(profile, issuer.certificate, now, notAfter);
    const at = now.getTime();
    if (last?.now !== at)
      last = { now: at, validity: deviceValidity(profile, issuer.certificate, now, null) };
    return last.validity;
  };
}

/**
 * Makes the mould for an issuer and a profile. What the template cannot say (granted purposes or names)
 * goes field by field. The mould refuses as `planDeviceCertificate` does.
 */
export function makeLeafMould(profile: DeviceProfile, issuer: Issuer): LeafMould {
  const validityOf = shareValidity(profile, issuer);
  let template: LeafTemplate | undefined;
  return (wish) => {
    const { granted, deviceId, publicKey, serial, now } = wish;
    if (granted.purposes.length > 0 || granted.subjectAltName !== 'none') {
      const plan = planDeviceCertificate({ ...wish, profile, issuer });
      return { tbs: prepareTbs(plan), warnings: plan.warnings };
    }
    const { notBefore, notAfter, warnings } = validityOf(now, wish.notAfter);
    // The lints that depend on a leaf's own dates; all others were applied to the sample.
    if (notBefore >= notAfter || notAfter > issuer.certificate.notAfter) {
      throw new Error('a leaf would end before it begins, or outlive its issuer');
    }
    template ??= makeTemplate(profile, issuer, now);
    const tbs = prepareLeafTbs(template, issuer.generationId, {
      serial,
      notBefore,
      notAfter,
      commonName: deviceId,
      publicKey: publicKey.spki,
      keyIdentifier: keyIdentifier(publicKey.keyBits),
    });
    return { tbs, warnings };
  };
}
