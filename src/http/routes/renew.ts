import { z } from 'zod';
import { issuerForRenewal, predecessorOf, type RequestInput, verifyRenewable } from '../../ca/index.ts';
import { fitJson, notFound, parseStrictJson, verifyNoPrivateKey } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { readJsonText, readPkcs10 } from '../body.ts';
import { layoutFor } from '../bundles.ts';
import { type CertificateForm, negotiateForm, sendCertificate } from '../certificate-forms.ts';
import type { DeviceCall, DeviceRoute } from '../edge.ts';
import { contextFor, issuerOf } from '../fleet-profile.ts';
import { mediaTypeOf } from '../media-type.ts';
import { fitQuery, noQuery } from '../query.ts';
import { pathParameter } from '../web.ts';

const renewalSchema = z.strictObject({ csr: z.string().min(1).max(65_536) });

/** What the device sends: a request for its own name, under the key that it wants from now on. */
async function readRequest(call: DeviceCall): Promise<RequestInput> {
  const { deviceId, profile } = call.peer.certificate;
  // A request with another subject is refused where it is decided: `device-id-mismatch`.
  const own = { deviceId, profile };
  if (mediaTypeOf(call.req, ['application/json', 'application/pkcs10']) === 'application/pkcs10')
    return { form: 'request', octets: await readPkcs10(call), fields: JSON.stringify(own) };
  const text = await readJsonText(call);
  verifyNoPrivateKey(text);
  const { csr } = fitJson(renewalSchema, parseStrictJson(text));
  return { form: 'line', octets: Buffer.from(JSON.stringify({ csr, ...own }), 'utf8') };
}

/** A bundle has files that a device keeps as they are: it asks for its certificate alone. */
function formOf({ req, res }: DeviceCall): CertificateForm {
  const form = negotiateForm(req, res);
  if (form !== 'application/zip') return form;
  throw new PkiError('not-acceptable', 'A renewal is not given as a bundle.');
}

/** A device's next certificate. Everything that can be refused is, before anything is recorded. */
async function renew(call: DeviceCall): Promise<void> {
  const { edge, req, res, requester, act, peer } = call;
  fitQuery(noQuery, req);
  if (pathParameter(req, 'fleet') !== peer.fleet.name) throw notFound('fleet', requester.role);
  const form = formOf(call);
  verifyRenewable(peer, edge.renewal, act.at);
  const input = await readRequest(call);
  const { generations, fleet } = peer;
  const outcome = await edge.issueTogether({
    act,
    context: {
      ...contextFor(edge.ca, fleet, requester, peer.certificate.profile),
      issuer: issuerOf(issuerForRenewal(peer)),
      renews: predecessorOf(peer),
    },
    input,
  });
  if (outcome.status === 'refused') throw outcome.refusal;
  const { certificate, status, warnings } = outcome;
  const isReplayed = status === 'replayed';
  if (isReplayed) res.set('Idempotency-Replayed', 'true');
  const id = Buffer.from(certificate.fingerprint).toString('hex');
  res.status(isReplayed ? 200 : 201).location(`/v1/certificates/${id}`);
  await sendCertificate(
    res,
    form,
    { certificate, fleet, generations, now: act.at, warnings },
    layoutFor(form, undefined),
  );
}

export const renewRoutes: readonly DeviceRoute[] = [
  { method: 'post', path: '/v1/fleets/:fleet/certificates/renew', handle: renew },
];
