import {
  type Fleet,
  type Generation,
  issue,
  prepareGrants,
  type StoredCertificate,
} from '../../src/ca/index.ts';
import { makeCsr, makeKey, type TestKey } from './csr.ts';
import { decide } from './decide.ts';
import { contextOf, type MemoryCa } from './memory-ca.ts';

/** One certificate through the whole cycle, in memory. */
export async function issueTo(
  { ca, act, clock }: MemoryCa,
  fleet: Fleet,
  issuer: Generation,
  deviceId: string,
  key: TestKey = makeKey(),
): Promise<StoredCertificate> {
  const grant = decide(makeCsr({ deviceId, key }));
  if ('code' in grant) throw grant;
  const context = contextOf(fleet, issuer);
  const chunk = await prepareGrants(ca, { context, grants: [grant], at: clock.now() });
  const [outcome] = await issue(ca, { act: act(), fleetId: fleet.id, batchId: null, chunk });
  if (outcome?.status !== 'issued') throw new Error(`not issued: ${JSON.stringify(outcome)}`);
  return outcome.certificate;
}
