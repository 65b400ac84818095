import { OID } from '../asn1/index.ts';
import type { Signer } from '../ca/index.ts';
import { REHEARSAL } from '../policy/index.ts';
import {
  assembleCertificate,
  type Certificate,
  encodeName,
  encodeSubjectKeyIdentifier,
  encodeTbs,
  keyIdentifier,
  makeExtension,
  parseCertificate,
  parsePublicKey,
} from '../x509/index.ts';

/** `dry`: what a ceremony does first, by itself. `rehearsal`: what people practise with; its names are marked. */
export type Mark = 'dry' | 'rehearsal';

/**
 * A certificate like a CA's, of a throw-away key that signs it itself: with it everything can be made and looked
 * at before the CA's own key is opened. A rehearsal's says so in its name.
 */
export async function makeStandIn(
  certificate: Certificate,
  signer: Signer,
  mark: Mark,
): Promise<Certificate> {
  const publicKey = parsePublicKey(signer.publicKey);
  const { rdns } = certificate.subject;
  const marked = [
    ...rdns.flat().map(({ type, value }) => ({ type, value: value ?? '' })),
    { type: OID.organizationalUnitName, value: REHEARSAL },
  ];
  const name = mark === 'rehearsal' ? encodeName(marked) : certificate.subject.der;
  const tbs = encodeTbs({
    serial: certificate.serial,
    algorithm: signer.algorithm,
    issuer: name,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    subject: name,
    publicKey: publicKey.spki,
    extensions: certificate.extensions
      // It signs itself, whoever signed the one that it stands for.
      .filter(({ oid }) => oid !== OID.authorityKeyIdentifier)
      .map((extension) =>
        extension.oid === OID.subjectKeyIdentifier
          ? makeExtension(
              extension.oid,
              extension.critical,
              encodeSubjectKeyIdentifier(keyIdentifier(publicKey.keyBits)),
            )
          : extension,
      ),
  });
  return parseCertificate(assembleCertificate(tbs, signer.algorithm, await signer.sign(tbs)));
}
