import type { Act, Fleet, NewFleet } from '../../ca/index.ts';
import { findFleet } from '../fleets.ts';
import { fleetExists } from '../refusals.ts';
import { build } from '../session.ts';
import type { Transaction } from './transaction.ts';

/** The name of a fleet that is known to exist. */
export const fleetName = (transaction: Transaction, fleetId: number): Promise<string> =>
  transaction.remember(`fleet ${fleetId}`, async () => {
    const row = await transaction.first(build.selectFrom('fleet').select('name').where('id', '=', fleetId));
    if (!row) throw new Error(`there is no fleet ${fleetId}`);
    return row.name;
  });

export async function createFleet(transaction: Transaction, act: Act, fleet: NewFleet): Promise<Fleet> {
  if (await transaction.answer(findFleet(fleet.name))) throw fleetExists(fleet.name);
  const { name, target, gatewayUrl, gatewayRoot } = fleet;
  const details = { name, target, gatewayUrl, gatewayRoot };
  const auditSeq = await transaction.appendAudit(act, { action: 'fleet-created', fleet: name, details });
  const created = await transaction.first(
    build
      .insertInto('fleet')
      .values({
        name,
        target,
        gateway_url: gatewayUrl,
        gateway_root: gatewayRoot,
        created_at: act.at.getTime(),
        audit_seq: auditSeq,
      })
      .returning('id'),
  );
  if (!created) throw new Error('a fleet was inserted and has no number');
  return { ...fleet, id: created.id, createdAt: act.at };
}
