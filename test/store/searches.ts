import { ANY_CERTIFICATE, type CertificateSearch } from '../../src/ca/index.ts';
import { NOON } from './sample.ts';

/** A search of a fleet at noon, for all of it but what is wished. */
export const searchOf = (fleetId: number, wish: Partial<CertificateSearch> = {}): CertificateSearch => ({
  fleetId,
  ...ANY_CERTIFICATE,
  at: NOON,
  ...wish,
});

/**
 * Each of the criteria alone, and the index that must find it: of SQLite, which says how far it uses it,
 * and of PostgreSQL.
 */
export const SEARCHES: readonly (readonly [string, Partial<CertificateSearch>, string, string])[] = [
  ['nothing', {}, 'intent_chunk_of_fleet (fleet_id=? AND id>?)', 'intent_chunk_of_fleet'],
  ['device', { deviceId: 'dev-1' }, 'intent_of_device', 'intent_of_device'],
  ['serial', { serial: Buffer.alloc(16, 1) }, 'sqlite_autoindex_intent_1', 'intent_issuer_id_serial_key'],
  ['key', { keyDigest: Buffer.alloc(32, 1) }, 'SEARCH released_key', 'released_key_pkey'],
  ['batch', { batchId: 'lot' }, 'intent_chunk_of_batch (batch_id=? AND id>?)', 'intent_chunk_of_batch'],
  ['station', { tokenId: 'x' }, 'intent_chunk_of_actor (actor_id=? AND id>?)', 'intent_chunk_of_actor'],
  ['label', { label: { name: 'line', value: '7' } }, 'SEARCH intent_label', 'intent_label_pkey'],
  ['active', { status: 'active' }, 'intent_chunk_of_fleet (fleet_id=? AND id>?)', 'intent_chunk_of_fleet'],
  ['revoked', { status: 'revoked' }, 'certificate_revoked', 'certificate_revoked'],
  ['superseded', { status: 'superseded' }, 'certificate_superseded', 'certificate_superseded'],
  ['expired', { status: 'expired' }, 'intent_expiry', 'intent_expiry'],
  ['expiry', { expiringBefore: NOON }, 'intent_expiry', 'intent_expiry'],
];
