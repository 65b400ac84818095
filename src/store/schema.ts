import type { Generated } from 'kysely';

type Octets = Uint8Array;
/** Milliseconds since the epoch. */
type Instant = number;

/** The tables as db/migrations makes them, for both engines. */
export interface Schema {
  run: { id: string; started_at: Instant; ended_at: Instant | null };
  audit: {
    seq: number;
    at: string;
    actor_kind: string;
    actor_id: string;
    actor_role: string;
    action: string;
    fleet: string | null;
    details: string;
    previous: Octets;
    hash: Octets;
  };
  fleet: {
    id: Generated<number>;
    name: string;
    target: string;
    gateway_url: string | null;
    gateway_root: string | null;
    created_at: Instant;
    audit_seq: number;
    settings: Generated<string>;
    settings_audit_seq: number | null;
  };
  generation: {
    id: Generated<number>;
    fleet_id: number;
    authority: string;
    kind: string;
    number: number;
    state: string;
    profile: string;
    key_id: string;
    key_digest: Octets;
    issuer_id: number;
    imported: number;
    created_at: Instant;
    certificate: Octets | null;
    audit_seq: number;
    issued_audit_seq: number | null;
  };
  generation_move: {
    generation_id: number;
    audit_seq: number;
    from_state: string;
    to_state: string;
    moved_at: Instant;
  };
  rotation_due: { generation_id: number; urgency: string; audit_seq: number };
  root_link: {
    intent_id: number;
    subject_id: number;
    issuer_id: number;
    certificate: Octets | null;
    audit_seq: number;
    issued_audit_seq: number | null;
  };
  ca_key: { key_digest: Octets; generation_id: number };
  device: {
    id: Generated<number>;
    fleet_id: number;
    device_id: string;
    folded_id: string;
    created_at: Instant;
    scrapped: Generated<number>;
  };
  device_change: { audit_seq: number; device: number; state: string; reason: string };
  device_key: { fleet_id: number; key_digest: Octets; device: number };
  profile_version: { id: Generated<number>; name: string; digest: Octets };
  intent_chunk: {
    id: number;
    kind: string;
    run_id: string;
    batch_id: string | null;
    actor_id: string;
    fleet_id: number | null;
    created_at: Instant;
    first_intent: number;
    last_intent: number;
    open: number;
    audit_seq: number;
  };
  intent: {
    id: number;
    chunk_id: number;
    issuer_id: number;
    serial: Octets;
    device: number | null;
    profile_id: number;
    key_digest: Octets;
    tbs_digest: Octets;
    not_before: Instant;
    not_after: Instant;
    labels: string | null;
    supersede: string | null;
    abandoned: Generated<number>;
    generated: Generated<number>;
    revoke_old: string | null;
    renews: number | null;
  };
  sighting: { intent_id: number; seen_at: Instant; audit_seq: number };
  intent_label: { fleet_id: number; name: string; value: string; intent_id: number };
  released_key: { key_digest: Octets; fleet_id: number; device: number };
  slot: { device: number; profile: string; intent_id: number };
  certificate: {
    intent_id: number;
    fingerprint: Octets;
    issued_at: Instant;
    superseded_at: Instant | null;
    revoked_at: Instant | null;
    revocation_reason: string | null;
    revoked_audit_seq: number | null;
    audit_seq: number;
    der: Octets;
  };
  key_envelope: { intent_id: number; recipient_digest: Octets; envelope: Octets };
  revocation: {
    issuer_id: number;
    serial: Octets;
    intent_id: number;
    not_after: Instant;
    revoked_at: Instant;
    reason: string;
    audit_seq: number;
  };
  revocation_list: {
    issuer_id: number;
    number: number;
    this_update: Instant;
    next_update: Instant;
    covers: number;
    entries: number;
    tbs_digest: Octets;
    run_id: string;
    digest: Octets | null;
    der: Octets | null;
    audit_seq: number;
    issued_audit_seq: number | null;
  };
  restoration: {
    id: Generated<number>;
    copied_at: Instant;
    restored_at: Instant;
    last_entry: number;
    settled_at: Instant | null;
    audit_seq: number;
    settled_audit_seq: number | null;
  };
  list_taken: {
    issuer_id: number;
    digest: Octets;
    number: number | null;
    this_update: Instant;
    audit_seq: number;
  };
  revocation_elsewhere: {
    issuer_id: number;
    serial: Octets;
    revoked_at: Instant;
    reason: string;
    audit_seq: number;
  };
  registration_credential: {
    id: string;
    fleet_id: number;
    name: string;
    authority: string | null;
    profile: string | null;
    issuer_id: number;
    serial: Octets;
    key_digest: Octets;
    tbs_digest: Octets;
    not_before: Instant;
    not_after: Instant;
    run_id: string;
    created_at: Instant;
    abandoned: Generated<number>;
    fingerprint: Octets | null;
    certificate: Octets | null;
    max_devices: number;
    spent: Generated<number>;
    revoked_at: Instant | null;
    revocation_reason: string | null;
    audit_seq: number;
    issued_audit_seq: number | null;
    revoked_audit_seq: number | null;
  };
  server: {
    id: Generated<number>;
    fleet_id: number;
    name: string;
    kind: string;
    created_at: Instant;
    audit_seq: number;
  };
  server_root: {
    server_id: number;
    generation_id: number;
    state: string;
    note: string | null;
    changed_at: Instant;
    changed_by: string;
    audit_seq: number;
  };
  destination: {
    id: string;
    fleet_id: number;
    kind: string;
    name: string;
    url: string;
    settings: string;
    secret: Octets | null;
    created_at: Instant;
    removed_at: Instant | null;
    cursor: number;
    expiring_through: Instant;
    expiring_until: Instant | null;
    expiring_place: Generated<number>;
    audit_seq: number;
    removed_audit_seq: number | null;
  };
  delivery: {
    number: Generated<number>;
    id: string;
    destination_id: string;
    device_id: string | null;
    event_type: string | null;
    body: string | null;
    state: string;
    attempts: number;
    next_attempt_at: Instant | null;
    last_error: string | null;
    created_at: Instant;
    changed_at: Instant;
  };
  registration_order: { destination_id: string; batch: number; after: number; audit_seq: number };
  device_registration: {
    destination_id: string;
    device_id: string;
    intent_id: number;
    registered_at: Instant;
  };
  token: {
    id: string;
    name: string;
    role: string;
    rights: string;
    fleet: string | null;
    secret_hash: Octets;
    created_at: Instant;
    expires_at: Instant;
    revoked_at: Instant | null;
    audit_seq: number;
    quota_total: number | null;
    quota_per_hour: number | null;
    labels: string;
    profiles: string;
    id_pattern: string | null;
    spent: Generated<number>;
    hour_began: Generated<Instant | null>;
    spent_in_hour: Generated<number>;
  };
  batch: {
    number: Generated<number>;
    id: string;
    fleet_id: number;
    token_id: string;
    profile: string | null;
    authority: string | null;
    created_at: Instant;
    last_seq: number;
    recipient: Octets | null;
    key_algorithm: string | null;
    acknowledged: Generated<number>;
  };
  batch_attempt: {
    batch: number;
    number: number;
    state: string;
    run_id: string;
    started_at: Instant;
    ended_at: Instant | null;
    row_count: number;
    issued: number;
    replayed: number;
    refused: number;
    failed: number;
    changed_at: Generated<Instant | null>;
  };
  batch_outcome: {
    batch: number;
    seq: number;
    attempt: number;
    row_number: number;
    status: string;
    intent_id: number | null;
    device_id: string | null;
    problem: string | null;
    warnings: string | null;
  };
}
