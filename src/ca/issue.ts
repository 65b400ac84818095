import type { Grant } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import {
  type Issuer,
  planDeviceCertificate,
  prepareTbs,
  profileDigest,
  type SignableTbs,
} from '../policy/index.ts';
import {
  assembleCertificate,
  certificateFingerprint,
  importPublicKey,
  isSignatureValid,
} from '../x509/index.ts';
import type { CaContext } from './context.ts';
import { issuerFor } from './issuer.ts';
import type {
  Act,
  Completion,
  Generation,
  IntentRow,
  IntentVerdict,
  Signer,
  StoredCertificate,
} from './ports.ts';
import { mintSerial } from './serial.ts';

/** What became of one grant. */
export type IssueOutcome =
  | {
      readonly status: 'issued';
      readonly certificate: IssuedCertificate;
      readonly warnings: readonly string[];
    }
  | {
      readonly status: 'replayed';
      readonly certificate: IssuedCertificate;
      readonly warnings: readonly string[];
    }
  | { readonly status: 'refused'; readonly refusal: PkiError };

/** A certificate that is on record. */
export type IssuedCertificate = Pick<
  StoredCertificate,
  | 'intentId'
  | 'der'
  | 'fingerprint'
  | 'serial'
  | 'deviceId'
  | 'profile'
  | 'issuerId'
  | 'notBefore'
  | 'notAfter'
>;

export interface IssueInput {
  readonly act: Act;
  readonly fleetId: number;
  /** The generation that issues; decided once for a chunk. */
  readonly issuer: Generation;
  readonly batchId: string | null;
  readonly grants: readonly Grant[];
}

interface Prepared {
  readonly grant: Grant;
  readonly tbs: SignableTbs;
  readonly serial: Uint8Array;
  readonly row: IntentRow;
}

/** How often and how long a row waits for another request that holds its slot: two seconds in all. */
const PENDING_TRIES = 40;
const PENDING_PAUSE_MS = 50;

/** Step 2 for one grant: serial, plan, octets, lint. */
function prepare(ca: CaContext, grant: Grant, issuer: Issuer, now: Date): Prepared | PkiError {
  const { content } = grant;
  const serial = mintSerial(ca.random);
  try {
    const tbs = prepareTbs(
      planDeviceCertificate({
        profile: content.profile,
        deviceId: content.deviceId,
        publicKey: content.request.csr.publicKey,
        granted: content.granted,
        issuer,
        serial,
        now,
        notAfter: content.notAfter,
      }),
    );
    return { grant, tbs, serial, row: intentRow(grant, tbs, serial, issuer) };
  } catch (refusal) {
    if (refusal instanceof PkiError) return refusal;
    throw refusal;
  }
}

function intentRow({ content }: Grant, tbs: SignableTbs, serial: Uint8Array, issuer: Issuer): IntentRow {
  const { notBefore, notAfter } = tbs.plan.content;
  return {
    deviceId: content.deviceId,
    foldedId: content.foldedId,
    profile: content.profile.name,
    profileDigest: profileDigest(content.profile),
    issuerId: issuer.generationId,
    serial,
    keyDigest: content.request.csr.publicKey.digest,
    tbsDigest: tbs.digest,
    notBefore,
    notAfter,
    notAfterAsked: content.notAfter !== null,
    labels: content.labels,
    supersede: content.supersede,
  };
}

/** Step 4 for one recorded intent. The signature is verified with the issuer's own public key. */
async function sign(signer: Signer, issuer: Issuer, tbs: SignableTbs): Promise<Uint8Array> {
  const octets = tbs.takeFor(issuer.generationId);
  const signature = await signer.sign(octets);
  const { publicKey } = issuer.certificate;
  // A fault in a key, a token or memory must never leave the house (and a faulty RSA-CRT signature
  // gives the private key away).
  if (
    !isSignatureValid(issuer.algorithm, publicKey.key.kind, importPublicKey(publicKey), octets, signature)
  ) {
    throw new PkiError(
      'signer-unavailable',
      "The authority's key made a signature that does not verify; nothing was issued.",
    );
  }
  return assembleCertificate(octets, issuer.algorithm, signature);
}

const warningsOf = ({ grant, tbs }: Prepared): readonly string[] => [
  ...grant.content.warnings,
  ...tbs.plan.warnings,
];

function issuedOutcome(prepared: Prepared, completion: Completion): IssueOutcome {
  const { row } = prepared;
  const { deviceId, profile, issuerId, serial, notBefore, notAfter } = row;
  return {
    status: 'issued',
    certificate: { ...completion, deviceId, profile, issuerId, serial, notBefore, notAfter },
    warnings: warningsOf(prepared),
  };
}

function settledOutcome(
  prepared: Prepared,
  verdict: Exclude<IntentVerdict, { verdict: 'recorded' }>,
): IssueOutcome {
  switch (verdict.verdict) {
    case 'replay':
      return {
        status: 'replayed',
        certificate: verdict.certificate,
        warnings: prepared.grant.content.warnings,
      };
    case 'refused':
      return {
        status: 'refused',
        refusal: new PkiError(verdict.code, verdict.message, { facts: verdict.facts }),
      };
    case 'pending':
      return {
        status: 'refused',
        refusal: new PkiError('busy', 'Another request for this device is under way; ask again in a moment.'),
      };
  }
}

/**
 * Steps 2 to 5 of the cycle for a chunk of grants of one fleet: prepare, record the intent, sign,
 * complete. One outcome a grant, in order. When it resolves, every certificate in it is on disk.
 * Rejects when the ledger or the key fails; then no certificate left, and the intents say what was
 * about to be signed.
 */
export async function issue(ca: CaContext, input: IssueInput): Promise<readonly IssueOutcome[]> {
  await abandonStranded(ca, input.act);
  const outcomes = new Map<Grant, IssueOutcome>();
  let waiting = input.grants;
  for (let attempt = 0; waiting.length > 0; attempt++) {
    if (attempt > 0) await ca.clock.sleep(PENDING_PAUSE_MS);
    waiting = await issueOnce(ca, { ...input, grants: waiting }, outcomes, attempt < PENDING_TRIES);
  }
  return input.grants.map((grant) => {
    const outcome = outcomes.get(grant);
    if (!outcome) throw new Error('a grant was left without an outcome');
    return outcome;
  });
}

/**
 * One pass over the cycle. Fills in the outcomes, and returns the grants whose slot is held by a
 * request under way (a row before it in the same chunk, often), which may be asked again.
 */
async function issueOnce(
  ca: CaContext,
  { act, fleetId, issuer: generation, batchId, grants }: IssueInput,
  outcomes: Map<Grant, IssueOutcome>,
  mayWait: boolean,
): Promise<readonly Grant[]> {
  // Step 2: prepare.
  const issuer = issuerFor(generation);
  const prepared: Prepared[] = [];
  for (const grant of grants) {
    const result = prepare(ca, grant, issuer, act.at);
    if (result instanceof PkiError) outcomes.set(grant, { status: 'refused', refusal: result });
    else prepared.push(result);
  }
  if (prepared.length === 0) return [];
  const signer = await ca.keystore.open(generation.keyId);

  // Step 3: record the intents; the ledger decides who may go on.
  const rows = prepared.map(({ row }) => row);
  const verdicts = await ca.ledger.recordIntents({ act, runId: ca.runId, fleetId, batchId, rows });
  const recorded: { prepared: Prepared; intentId: number }[] = [];
  const pending: Grant[] = [];
  prepared.forEach((item, i) => {
    const verdict = verdicts[i];
    if (!verdict) throw new Error('the ledger gave fewer verdicts than rows');
    if (verdict.verdict === 'recorded') recorded.push({ prepared: item, intentId: verdict.intentId });
    else if (verdict.verdict === 'pending' && mayWait) pending.push(item.grant);
    else outcomes.set(item.grant, settledOutcome(item, verdict));
  });

  try {
    // Step 4: sign, and verify what came out.
    const issued: Completion[] = [];
    for (const { prepared: item, intentId } of recorded) {
      const der = await sign(signer, issuer, item.tbs);
      issued.push({ intentId, der, fingerprint: certificateFingerprint(der) });
    }

    // Step 5: complete. After this the certificates may leave the process.
    if (issued.length > 0) await ca.ledger.recordIssued({ act, runId: ca.runId, fleetId, batchId, issued });
    recorded.forEach(({ prepared: item }, i) => {
      const completion = issued[i];
      if (completion) outcomes.set(item.grant, issuedOutcome(item, completion));
    });
  } catch (failure) {
    for (const { intentId } of recorded) ca.stranded.add(intentId);
    throw failure;
  }
  return pending;
}

/** Gives up the intents of earlier failures, so that their slots are free for the requests to come. */
async function abandonStranded(ca: CaContext, act: Act): Promise<void> {
  const stranded = [...ca.stranded];
  if (stranded.length === 0) return;
  await ca.ledger.abandonIntents(act, ca.runId, stranded);
  for (const intentId of stranded) ca.stranded.delete(intentId);
}
