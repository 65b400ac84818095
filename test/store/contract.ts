import { afterAll, beforeAll, describe } from 'vitest';
import { auditContract } from './audit-contract.ts';
import { authorityRequestContract } from './authority-request-contract.ts';
import { batchContract } from './batch-contract.ts';
import { batchListContract } from './batch-list-contract.ts';
import { compromiseContract } from './compromise-contract.ts';
import { destructionContract } from './destruction-contract.ts';
import { deviceContract } from './device-contract.ts';
import { expiryContract } from './expiry-contract.ts';
import { fleetContract } from './fleet-contract.ts';
import { generationContract } from './generation-contract.ts';
import { importContract } from './import-contract.ts';
import { intentContract } from './intent-contract.ts';
import { inventoryContract } from './inventory-contract.ts';
import { keyContract } from './key-contract.ts';
import type { Given, StoreUnderTest } from './line.ts';
import { linkContract } from './link-contract.ts';
import { madeKeyContract } from './made-key-contract.ts';
import { outgoingContract } from './outgoing-contract.ts';
import { quotaContract } from './quota-contract.ts';
import { registrationContract } from './registration-contract.ts';
import { restorationContract } from './restoration-contract.ts';
import { revocationContract } from './revocation-contract.ts';
import { rotationContract } from './rotation-contract.ts';
import { fresh, NOON } from './sample.ts';
import { searchContract } from './search-contract.ts';
import { serverContract } from './server-contract.ts';
import { slotContract } from './slot-contract.ts';
import { tokenContract } from './token-contract.ts';

/**
 * What every implementation of the ports Ledger, AuditLog, TokenStore and BatchStore keeps, sentence by
 * sentence. It asks nothing but the ports, and makes names of its own: the database need not be empty,
 * as long as its last intent lies before noon of 1 June 2026.
 */
export function describeStore(
  name: string,
  openStore: (run: { readonly runId: string; readonly at: Date }) => Promise<StoreUnderTest>,
): void {
  describe(`the store contract over ${name}`, () => {
    const given = {} as Given;
    beforeAll(async () => {
      given.store = await openStore({ runId: fresh('run'), at: NOON });
    });
    afterAll(() => given.store.close(NOON));

    describe('fleets', () => fleetContract(given));
    describe('compromised generations', () => compromiseContract(given));
    describe('generations', () => generationContract(given));
    describe('authorities that others certify', () => authorityRequestContract(given));
    describe('rotation', () => rotationContract(given));
    describe('keys that are destroyed', () => destructionContract(given));
    describe('expiries', () => expiryContract(given));
    describe('links', () => linkContract(given));
    describe('intents', () => intentContract(given));
    describe('slots', () => slotContract(given));
    describe('keys', () => keyContract(given));
    describe('quotas', () => quotaContract(given));
    describe('registrations', () => registrationContract(given));
    describe('servers', () => serverContract(given));
    describe('whom the service calls', () => outgoingContract(given));
    describe('revocations and CRLs', () => revocationContract(given));
    describe('restorations', () => restorationContract(given));
    describe('what was issued elsewhere', () => importContract(given));
    describe('devices over time', () => deviceContract(given));
    describe('keys that we made', () => madeKeyContract(given));
    describe('inventory', () => inventoryContract(given));
    describe('searches', () => searchContract(given));
    describe('batches', () => batchContract(given));
    describe('lists of batches', () => batchListContract(given));
    describe('tokens', () => tokenContract(given));
    describe('the audit log', () => auditContract(given));
  });
}
