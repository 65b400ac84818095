import type { Act, LinkIntent } from '../../ca/index.ts';
import { insertLink, linkDetails, verifyPairIsFree } from '../links.ts';
import { fleetName } from './fleets.ts';
import { profileVersions } from './profile-versions.ts';
import type { Transaction } from './transaction.ts';

/** See `LinkLedger.recordLinkIntent`. */
export async function recordLinkIntent(
  transaction: Transaction,
  act: Act,
  runId: string,
  intent: LinkIntent,
): Promise<{ intentId: number }> {
  transaction.verifyClock(act.at);
  await transaction.answer(verifyPairIsFree(intent));
  const { fleetId } = intent;
  const fleet = await fleetName(transaction, fleetId);
  const auditSeq = await transaction.appendAudit(act, {
    action: 'link-intent-recorded',
    fleet,
    details: linkDetails(intent),
  });
  const chunk = { act, kind: 'authority', runId, batchId: null, fleetId, intents: 1, auditSeq } as const;
  const { id: chunkId, firstIntent: intentId } = await transaction.insertChunk(chunk);
  const [profileId = 0] = await profileVersions(transaction, [intent]);
  await transaction.answer(insertLink(intent, { intentId, chunkId, profileId, auditSeq }));
  return { intentId };
}
