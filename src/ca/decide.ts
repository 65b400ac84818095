import {
  authorize,
  type CertificateRequest,
  certificateFieldsSchema,
  certificateRowSchema,
  type FleetFacts,
  fitJson,
  type Grant,
  parseStrictJson,
  requestOfFields,
  requestOfRow,
  verifyNoPrivateKey,
} from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import type { DeviceProfile, Policy } from '../policy/index.ts';
import type { IssueContext, RequestInput } from './ports.ts';

/** A grant, or why there is none; with the device ID that the request named, as far as it got. */
export type Decision = Grant | { readonly refusal: PkiError; readonly deviceId: string | null };

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodeText(octets: Uint8Array): string {
  try {
    return utf8.decode(octets);
  } catch (cause) {
    throw new PkiError('bad-row', 'The row is not UTF-8.', { cause });
  }
}

interface Asked {
  readonly deviceId: string | null;
  readonly profile: string | undefined;
  /** Decoded last: a request that cannot be read still has its device ID. */
  readonly request: () => CertificateRequest;
}

function readInput(input: Exclude<RequestInput, { form: 'refused' }>): Asked {
  if (input.form === 'line') {
    const text = decodeText(input.octets);
    verifyNoPrivateKey(text);
    const row = fitJson(certificateRowSchema, parseStrictJson(text));
    return { deviceId: row.deviceId ?? null, profile: row.profile, request: () => requestOfRow(row) };
  }
  const fields = fitJson(certificateFieldsSchema, JSON.parse(input.fields));
  return {
    deviceId: fields.deviceId ?? null,
    profile: fields.profile,
    request: () => requestOfFields(input.octets, fields),
  };
}

function profileOf(
  policy: Policy,
  { fleet, profile }: IssueContext,
  named: string | undefined,
): DeviceProfile {
  const name = named ?? profile;
  const found = policy.deviceProfile(fleet.target, name);
  if (found) return found;
  throw new PkiError('profile-unknown', `There is no device profile named ${name} for this fleet.`);
}

/** Step 1 for one request: reads it, and decides whether this requester may have what it asks for. */
export function decide(
  policy: Policy,
  context: IssueContext,
  facts: FleetFacts,
  input: RequestInput,
): Decision {
  if (input.form === 'refused') return { refusal: input.refusal, deviceId: null };
  let deviceId: string | null = null;
  try {
    const asked = readInput(input);
    deviceId = asked.deviceId;
    const profile = profileOf(policy, context, asked.profile);
    return authorize(context.requester, facts, profile, asked.request());
  } catch (refusal) {
    if (refusal instanceof PkiError) return { refusal, deviceId };
    throw refusal;
  }
}

/** The fleet as far as a decision needs it. */
export const factsOf = (policy: Policy, { fleet }: IssueContext): FleetFacts => ({
  id: fleet.id,
  name: fleet.name,
  target: policy.target(fleet.target),
});
