import { z } from 'zod';
import type { DeviceKey, Layout } from '../../bundle/index.ts';
import { type CaContext, type IssueOutcome, type KeyMaking, pickIssuer } from '../../ca/index.ts';
import { deviceRequestSchema, fitJson, parseStrictJson, verifyNoPrivateKey } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { encodePrivateKeyPem } from '../../x509/index.ts';
import { readJsonText } from '../body.ts';
import {
  bundleFor,
  ELSEWHERE,
  layoutFor,
  layoutSchema,
  lineOf,
  sendBundle,
  verifyBundlePossible,
} from '../bundles.ts';
import { type CertificateView, certificateJson } from '../certificate-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { contextFor, issuerOf } from '../fleet-profile.ts';
import { mediaTypeOf } from '../media-type.ts';
import { getFleet } from '../names.ts';
import { fitQuery } from '../query.ts';
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

const layoutQuery = z.strictObject({ layout: layoutSchema.optional() });

/** What a PKCS#12 file of the answer is encrypted with. It goes no further than this. */
const requestSchema = deviceRequestSchema.extend({
  passphrase: z
    .string()
    .max(256)
    .regex(/^[^\0]*$/, 'must not hold U+0000')
    .optional(),
});

interface Asked {
  /** The request as a line of a lot would have it. */
  readonly line: Uint8Array;
  readonly profile: string | null;
  readonly authority: string | null;
  readonly making: KeyMaking;
  readonly form: Form;
  readonly layout: Layout;
  readonly passphrase: string;
}

/** Refuses `bad-request` where nothing would be encrypted with the passphrase that somebody relies on. */
function verifyPassphrase(given: string | undefined, form: Form, layout: Layout, isSealed: boolean): void {
  const isUsed = form === 'application/zip' && layout.madeKey === 'due' && !isSealed;
  if (given === undefined || isUsed) return;
  throw new PkiError(
    'bad-request',
    'A passphrase is of a PKCS#12 file: ask for Accept: application/zip with layout=p12, without a recipient.',
  );
}

async function readRequest(call: Call, form: Form): Promise<Asked> {
  const layout = layoutFor(form, fitQuery(layoutQuery, call.req).layout);
  mediaTypeOf(call.req, ['application/json']);
  const text = await readJsonText(call);
  verifyNoPrivateKey(text);
  const asked = fitJson(requestSchema, parseStrictJson(text));
  const { authority = null, recipient, passphrase, ...row } = asked;
  verifyPassphrase(passphrase, form, layout, recipient !== undefined);
  return {
    line: Buffer.from(JSON.stringify(row), 'utf8'),
    profile: row.profile ?? null,
    authority,
    making: {
      algorithm: row.keyAlgorithm ?? DEFAULT_KEY_ALGORITHM,
      recipient: recipient === undefined ? null : readRecipientPem(recipient, call.act.at),
    },
    form,
    layout,
    passphrase: passphrase ?? '',
  };
}

type Issued = Exclude<IssueOutcome, { readonly status: 'refused' }>;

/** The key as it goes into a bundle. */
function keyOf({ privateKey, envelope }: Issued, passphrase: string, { random }: CaContext): DeviceKey {
  if (privateKey) return { kind: 'clear', pkcs8: privateKey, passphrase, random };
  return envelope ? { kind: 'envelope', pem: encodeEnvelopePem(envelope) } : ELSEWHERE;
}

const keyJson = ({ privateKey, envelope }: Issued) => ({
  ...(privateKey === null ? {} : { privateKey: encodePrivateKeyPem(privateKey) }),
  ...(envelope === null ? {} : { envelope: encodeEnvelopePem(envelope) }),
});

async function sendDevice(
  { res, edge }: Call,
  { form, layout, passphrase }: Asked,
  view: CertificateView,
  outcome: Issued,
): Promise<void> {
  const { status, warnings, privateKey } = outcome;
  const isReplayed = status === 'replayed';
  const id = Buffer.from(view.certificate.fingerprint).toString('hex');
  if (isReplayed) res.set('Idempotency-Replayed', 'true');
  res.location(`/v1/certificates/${id}`).set('Cache-Control', 'no-store');
  res.status(isReplayed ? 200 : 201);
  try {
    if (form === 'application/json') {
      return sendJson(res, isReplayed ? 200 : 201, {
        ...certificateJson(view, warnings),
        ...keyJson(outcome),
      });
    }
    // The key is nowhere else: what shows only now is said, and withholds nothing.
    const bundle = bundleFor(view, layout, keyOf(outcome, passphrase, edge.ca));
    await sendBundle(res, bundle, [...warnings, ...bundle.findings.map(({ message }) => message)]);
  } finally {
    privateKey?.fill(0);
  }
}

/** A device whose key the CA makes. Everything that can be refused is, before anything is recorded. */
async function createDevice(call: Call): Promise<void> {
  const { edge, requester, act } = call;
  const fleet = await getFleet(call);
  const asked = await readRequest(call, negotiateForm(call));
  const { line, profile, authority, making, form, layout } = asked;
  const generations = await edge.ca.ledger.listGenerations(fleet.id);
  const issuer = issuerOf(pickIssuer(generations, authority));
  if (form === 'application/zip') {
    const key = making.recipient === null ? 'clear' : 'envelope';
    verifyBundlePossible(layout, lineOf(fleet, generations, issuer.id, act.at), key);
  }
  const context = { ...contextFor(edge.ca, fleet, requester, profile), issuer, making };
  const outcome = await edge.issueTogether({ act, context, input: { form: 'line', octets: line } });
  if (outcome.status === 'refused') throw outcome.refusal;
  const { certificate } = outcome;
  if (certificate.revokeOld === 'now') edge.lists.soon();
  await sendDevice(call, asked, { certificate, fleet, generations, now: act.at }, outcome);
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
