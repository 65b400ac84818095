import { deviceLayout } from '../../bundle/index.ts';
import { type Fleet, type IssueOutcome, type KeyMaking, pickIssuer } from '../../ca/index.ts';
import { deviceRequestSchema, fitJson, parseStrictJson, verifyNoPrivateKey } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { encodePrivateKeyPem } from '../../x509/index.ts';
import { readJsonText } from '../body.ts';
import { sendBundle, verifyLayoutPossible } from '../certificate-forms.ts';
import { type CertificateView, certificateJson } from '../certificate-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { contextFor, issuerOf } from '../fleet-profile.ts';
import { mediaTypeOf } from '../media-type.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { DEFAULT_KEY_ALGORITHM, encodeEnvelopePem, readRecipientPem } from '../recipient.ts';
import { sendJson } from '../web.ts';

const FORMS = ['application/json', 'application/zip'] as const;
type Form = (typeof FORMS)[number];

function negotiateForm({ req, res }: Call): Form {
  res.vary('Accept');
  const form = req.accepts([...FORMS]);
  const known = FORMS.find((one) => one === form);
  if (known) return known;
  throw new PkiError('not-acceptable', `A device with its key is given as ${FORMS.join(' or ')}.`);
}

interface Asked {
  /** The request as a line of a lot would have it. */
  readonly line: Uint8Array;
  readonly profile: string | null;
  readonly authority: string | null;
  readonly making: KeyMaking;
}

async function readRequest(call: Call): Promise<Asked> {
  fitQuery(noQuery, call.req);
  mediaTypeOf(call.req, ['application/json']);
  const text = await readJsonText(call);
  verifyNoPrivateKey(text);
  const { authority = null, recipient, ...row } = fitJson(deviceRequestSchema, parseStrictJson(text));
  return {
    line: Buffer.from(JSON.stringify(row), 'utf8'),
    profile: row.profile ?? null,
    authority,
    making: {
      algorithm: row.keyAlgorithm ?? DEFAULT_KEY_ALGORITHM,
      recipient: recipient === undefined ? null : readRecipientPem(recipient, call.act.at),
    },
  };
}

/** Refuses `bad-request` where the form could not be made: before a key is. */
function verifyFormPossible(form: Form, fleet: Fleet, { recipient }: KeyMaking): void {
  if (form !== 'application/zip') return;
  if (recipient !== null) {
    throw new PkiError(
      'bad-request',
      'A bundle has its key in the clear. With a recipient ask for application/json, which has the envelope.',
    );
  }
  verifyLayoutPossible(deviceLayout, fleet);
}

type Issued = Exclude<IssueOutcome, { readonly status: 'refused' }>;

/** The key as PEM; its octets are wiped: the text is all there is. */
function takeKeyPem({ privateKey }: Issued): string | null {
  if (privateKey === null) return null;
  const pem = encodePrivateKeyPem(privateKey);
  privateKey.fill(0);
  return pem;
}

async function sendDevice({ res }: Call, form: Form, view: CertificateView, outcome: Issued): Promise<void> {
  const { status, envelope, warnings } = outcome;
  const isReplayed = status === 'replayed';
  const id = Buffer.from(view.certificate.fingerprint).toString('hex');
  if (isReplayed) res.set('Idempotency-Replayed', 'true');
  res.location(`/v1/certificates/${id}`).set('Cache-Control', 'no-store');
  const privateKey = takeKeyPem(outcome);
  res.status(isReplayed ? 200 : 201);
  if (form === 'application/zip') return sendBundle(res, view, deviceLayout, privateKey);
  sendJson(res, isReplayed ? 200 : 201, {
    ...certificateJson(view, warnings),
    ...(privateKey === null ? {} : { privateKey }),
    ...(envelope === null ? {} : { envelope: encodeEnvelopePem(envelope) }),
  });
}

/** A device whose key the CA makes. Everything that can be refused is, before anything is recorded. */
async function createDevice(call: Call): Promise<void> {
  const { edge, requester, act } = call;
  const fleet = await getFleet(call);
  const form = negotiateForm(call);
  const { line, profile, authority, making } = await readRequest(call);
  verifyFormPossible(form, fleet, making);
  const generations = await edge.ca.ledger.listGenerations(fleet.id);
  const issuer = issuerOf(pickIssuer(generations, authority));
  const context = { ...contextFor(edge.ca, fleet, requester, profile), issuer, making };
  const outcome = await edge.issueTogether({ act, context, input: { form: 'line', octets: line } });
  if (outcome.status === 'refused') throw outcome.refusal;
  const { certificate } = outcome;
  await sendDevice(call, form, { certificate, fleet, generations, now: act.at }, outcome);
}

export const madeKeyRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/v1/fleets/:fleet/devices',
    permission: 'certificate:request',
    scope: 'fleet',
    what: 'fleet',
    handle: createDevice,
  },
];
