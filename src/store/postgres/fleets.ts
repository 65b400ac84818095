import type { Act, Fleet, FleetTerms, NewFleet } from '../../ca/index.ts';
import { findFleet, findFleetById, isSameTerms, readFleet, termsDetails, updateTerms } from '../fleets.ts';
import { fleetExists, noFleet } from '../refusals.ts';
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
      .returning(['id', 'name', 'target', 'gateway_url', 'gateway_root', 'created_at', 'settings']),
  );
  if (!created) throw new Error('a fleet was inserted and has no number');
  return readFleet(created);
}

/** See `Ledger.recordFleetTerms`. */
export async function recordFleetTerms(
  transaction: Transaction,
  act: Act,
  fleetId: number,
  terms: FleetTerms,
): Promise<Fleet> {
  const fleet = await transaction.answer(findFleetById(fleetId));
  if (!fleet) throw noFleet();
  if (isSameTerms(fleet, terms)) return fleet;
  const details = termsDetails(terms);
  const auditSeq = await transaction.appendAudit(act, {
    action: 'fleet-changed',
    fleet: fleet.name,
    details,
  });
  await transaction.run(updateTerms(fleetId, terms, auditSeq));
  return { ...fleet, ...terms };
}
