import {
  authorize,
  authorizeMadeKey,
  type CertificateRequest,
  certificateFieldsSchema,
  certificateRowSchema,
  type FleetFacts,
  fitJson,
  type Grant,
  type KeyMaker,
  type MadeKeyGrant,
  madeKeyRequestOf,
  madeKeyRowSchema,
  parseStrictJson,
  requestOfFields,
  requestOfRow,
  verifyNoPrivateKey,
} from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import type { DeviceProfile, Policy } from '../policy/index.ts';
import type { IssueContext, KeyMaking, RequestInput } from './steps-ports.ts';

/** A grant, or why there is none; with the device ID that the request named, as far as it got. */
export type Decision =
  | Grant
  | MadeKeyGrant
  | { readonly refusal: PkiError; readonly deviceId: string | null };

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodeText(octets: Uint8Array): string {
  try {
    return utf8.decode(octets);
  } catch (cause) {
    throw new PkiError('bad-row', 'The row is not UTF-8.', { cause });
  }
}

/** What decisions are made with. */
export interface Desk {
  readonly policy: Policy;
  readonly context: IssueContext;
  readonly facts: FleetFacts;
  readonly makeKey: KeyMaker;
}

interface Asked {
  readonly deviceId: string | null;
  readonly profile: string | undefined;
  readonly grant: (profile: DeviceProfile) => Grant | MadeKeyGrant;
}

function askedWithCsr(
  { context, facts }: Desk,
  fields: { readonly deviceId?: string | undefined; readonly profile?: string | undefined },
  // Decoded last: a request that cannot be read still has its device ID.
  request: () => CertificateRequest,
): Asked {
  return {
    deviceId: fields.deviceId ?? null,
    profile: fields.profile,
    grant: (profile) => authorize(context.requester, facts, profile, request()),
  };
}

function askedForKey({ context, facts, makeKey }: Desk, making: KeyMaking, value: unknown): Asked {
  const { profile: named, ...row } = fitJson(madeKeyRowSchema, value);
  return {
    deviceId: row.deviceId,
    profile: named,
    grant: (profile) => {
      const request = madeKeyRequestOf(row, making.algorithm);
      return authorizeMadeKey(context.requester, facts, profile, request, makeKey);
    },
  };
}

const bringsCsr = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 'csr');

function readLine(desk: Desk, octets: Uint8Array): Asked {
  const text = decodeText(octets);
  verifyNoPrivateKey(text);
  const value = parseStrictJson(text);
  const { making } = desk.context;
  if (making && !bringsCsr(value)) return askedForKey(desk, making, value);
  const row = fitJson(certificateRowSchema, value);
  return askedWithCsr(desk, row, () => requestOfRow(row));
}

function readInput(desk: Desk, input: Exclude<RequestInput, { form: 'refused' }>): Asked {
  if (input.form === 'line') return readLine(desk, input.octets);
  const fields = fitJson(certificateFieldsSchema, JSON.parse(input.fields));
  return askedWithCsr(desk, fields, () => requestOfFields(input.octets, fields));
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
export function decide(desk: Desk, input: RequestInput): Decision {
  if (input.form === 'refused') return { refusal: input.refusal, deviceId: null };
  let deviceId: string | null = null;
  try {
    const asked = readInput(desk, input);
    deviceId = asked.deviceId;
    return asked.grant(profileOf(desk.policy, desk.context, asked.profile));
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
