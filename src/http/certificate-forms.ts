import type { Layout } from '../bundle/index.ts';
import { certificatesAbove } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { encodeCertsOnly } from '../x509/index.ts';
import { bundleFor, ELSEWHERE, sendBundle } from './bundles.ts';
import { type CertificateView, certificateJson, chainPem } from './certificate-json.ts';
import type { Request, Response } from './web.ts';

export interface CertificateAnswer extends CertificateView {
  readonly warnings: readonly string[];
}

export const CERTIFICATE_FORMS = [
  'application/json',
  'application/pem-certificate-chain',
  'application/pkix-cert',
  'application/pkcs7-mime',
  'application/zip',
] as const;
export type CertificateForm = (typeof CERTIFICATE_FORMS)[number];

const SENDERS: Readonly<
  Record<
    Exclude<CertificateForm, 'application/zip'>,
    (answer: CertificateAnswer) => string | Uint8Array | Promise<Uint8Array>
  >
> = {
  'application/json': (answer) => `${JSON.stringify(certificateJson(answer, answer.warnings))}\n`,
  'application/pem-certificate-chain': chainPem,
  'application/pkix-cert': ({ certificate }) => certificate.der,
  'application/pkcs7-mime': ({ certificate, generations }) =>
    encodeCertsOnly([certificate.der, ...certificatesAbove(generations, certificate.issuerId)]),
};

/** Parameters that a reader of the type needs (RFC 8551, 3.2.2). */
const contentTypeOf = (form: CertificateForm): string =>
  form === 'application/pkcs7-mime' ? `${form}; smime-type=certs-only` : form;

/** The form that Accept asks for; JSON where it does not care. Refuses `not-acceptable`. */
export function negotiateForm(req: Request, res: Response): CertificateForm {
  res.vary('Accept');
  const form = req.accepts([...CERTIFICATE_FORMS]);
  const known = CERTIFICATE_FORMS.find((one) => one === form);
  if (known) return known;
  throw new PkiError('not-acceptable', `A certificate is given as ${CERTIFICATE_FORMS.join(', ')}.`);
}

/**
 * Sends a certificate that was issued just now, or before. A bundle of it was found possible before that;
 * what shows only now is said, and withholds nothing.
 */
export async function sendCertificate(
  res: Response,
  form: CertificateForm,
  answer: CertificateAnswer,
  layout: Layout,
): Promise<void> {
  if (form === 'application/zip') {
    const bundle = bundleFor(answer, layout, ELSEWHERE);
    return sendBundle(res, bundle, [...answer.warnings, ...bundle.findings.map(({ message }) => message)]);
  }
  const content = await SENDERS[form](answer);
  res.set('Content-Type', contentTypeOf(form)).send(Buffer.from(content));
}
