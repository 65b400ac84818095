import { pipeline } from 'node:stream/promises';
import { deviceFolder, deviceLayout, type Layout, layOut, zipFiles } from '../bundle/index.ts';
import { type Fleet, intermediatesOf } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { encodeCertificatePem, encodeCertsOnly } from '../x509/index.ts';
import { type CertificateView, certificateJson, chainPem, intermediatesPem } from './certificate-json.ts';
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

/**
 * Streams a bundle: one folder with the layout's files. `privateKey`: PEM, where it is at hand. Refuses
 * `bad-request` where it cannot be made.
 */
export async function sendBundle(
  res: Response,
  view: CertificateView,
  layout: Layout,
  privateKey: string | null = null,
): Promise<void> {
  const { certificate, fleet, generations } = view;
  const files = layOut(layout, {
    deviceId: certificate.deviceId,
    certificate: encodeCertificatePem(certificate.der),
    intermediates: intermediatesPem(generations, certificate.issuerId),
    privateKey,
    gatewayRoot: fleet.gatewayRoot,
    gatewayUrl: fleet.gatewayUrl,
  });
  const folder = deviceFolder(certificate.deviceId);
  res.set({
    'Content-Type': 'application/zip',
    'Content-Disposition': `attachment; filename="${folder}.zip"`,
  });
  // The time is the certificate's, so that the same bundle is the same octets.
  await pipeline(zipFiles(folder, files, certificate.issuedAt), res);
}

const SENDERS: Readonly<
  Record<Exclude<CertificateForm, 'application/zip'>, (answer: CertificateAnswer) => string | Uint8Array>
> = {
  'application/json': (answer) => `${JSON.stringify(certificateJson(answer, answer.warnings))}\n`,
  'application/pem-certificate-chain': chainPem,
  'application/pkix-cert': ({ certificate }) => certificate.der,
  'application/pkcs7-mime': ({ certificate, generations }) =>
    encodeCertsOnly([
      certificate.der,
      ...intermediatesOf(generations, certificate.issuerId).map((generation) => generation.certificate),
    ]),
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

/** Refuses `bad-request` where the layout cannot be made for this fleet: before anything is done for it. */
export function verifyLayoutPossible(layout: Layout, { gatewayRoot, gatewayUrl }: Fleet): void {
  const nothing = { deviceId: '', certificate: '', intermediates: '', privateKey: null };
  layOut(layout, { ...nothing, gatewayRoot, gatewayUrl });
}

/** Refuses `bad-request` where the form could not be made for this fleet: before anything is issued. */
export function verifyFormPossible(form: CertificateForm, fleet: Fleet): void {
  if (form === 'application/zip') verifyLayoutPossible(deviceLayout, fleet);
}

export async function sendCertificate(
  res: Response,
  form: CertificateForm,
  answer: CertificateAnswer,
): Promise<void> {
  if (form === 'application/zip') return sendBundle(res, answer, deviceLayout);
  res.set('Content-Type', contentTypeOf(form)).send(Buffer.from(SENDERS[form](answer)));
}
