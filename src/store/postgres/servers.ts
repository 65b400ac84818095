import type { Act, NewServer, PossessionIntent, Server, ServerRoot } from '../../ca/index.ts';
import {
  findServer,
  insertServer,
  PREPARED,
  possessionIntended,
  putRoot,
  rootStateSaid,
  serverAdded,
} from '../servers.ts';
import type { Transaction } from './transaction.ts';

export async function recordServer(transaction: Transaction, act: Act, server: NewServer): Promise<Server> {
  const auditSeq = await transaction.appendAudit(act, await transaction.answer(serverAdded(server)));
  await transaction.run(insertServer(act, server, auditSeq));
  const found = await transaction.answer(findServer(server.fleetId, server.name));
  if (!found) throw new Error(`the server ${server.name} was written and is not there`);
  return found;
}

export async function recordRootState(
  transaction: Transaction,
  act: Act,
  serverId: number,
  generationId: number,
  said: Pick<ServerRoot, 'state' | 'note'>,
): Promise<void> {
  const entry = await transaction.answer(rootStateSaid(serverId, generationId, said));
  if (!entry) return;
  const auditSeq = await transaction.appendAudit(act, entry);
  await transaction.run(putRoot(act, serverId, generationId, said, auditSeq));
}

export async function recordPossessionIntent(
  transaction: Transaction,
  act: Act,
  intent: PossessionIntent,
): Promise<void> {
  transaction.verifyClock(act.at);
  const { entry, prepares } = await transaction.answer(possessionIntended(intent));
  await transaction.appendAudit(act, entry);
  if (prepares) await recordRootState(transaction, act, intent.serverId, intent.generationId, PREPARED);
}
