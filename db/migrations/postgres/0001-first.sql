-- The ledger, as db/migrations/sqlite has it: the same tables, columns and rules. Times are milliseconds
-- since 1970-01-01T00:00:00Z. Texts compare bytewise (COLLATE "C"), whatever the database's locale is.
-- Numbers of entries, chunks, intents and generations are given by whoever holds the writers' lock, without a gap.

CREATE TABLE run (
  id TEXT COLLATE "C" PRIMARY KEY,
  started_at BIGINT NOT NULL,
  ended_at BIGINT
);

CREATE TABLE audit (
  seq BIGINT PRIMARY KEY,
  at TEXT COLLATE "C" NOT NULL,
  actor_kind TEXT COLLATE "C" NOT NULL,
  actor_id TEXT COLLATE "C" NOT NULL,
  actor_role TEXT COLLATE "C" NOT NULL,
  action TEXT COLLATE "C" NOT NULL,
  fleet TEXT COLLATE "C",
  details TEXT COLLATE "C" NOT NULL,
  previous BYTEA NOT NULL CHECK (length(previous) = 32),
  hash BYTEA NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE fleet (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL UNIQUE,
  target TEXT COLLATE "C" NOT NULL,
  gateway_url TEXT COLLATE "C",
  gateway_root TEXT COLLATE "C",
  created_at BIGINT NOT NULL,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq)
);

CREATE TABLE generation (
  id BIGINT PRIMARY KEY,
  fleet_id BIGINT NOT NULL REFERENCES fleet (id),
  authority TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('root', 'issuing')),
  number BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL
    CHECK (state IN ('staged', 'published', 'active', 'draining', 'retired', 'compromised', 'abandoned')),
  profile TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL UNIQUE,
  key_digest BYTEA NOT NULL CHECK (length(key_digest) = 32),
  issuer_id BIGINT NOT NULL REFERENCES generation (id),
  imported SMALLINT NOT NULL CHECK (imported IN (0, 1)),
  created_at BIGINT NOT NULL,
  certificate BYTEA,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  issued_audit_seq BIGINT REFERENCES audit (seq),
  UNIQUE (fleet_id, authority, number)
);

CREATE TABLE ca_key (
  key_digest BYTEA PRIMARY KEY CHECK (length(key_digest) = 32),
  generation_id BIGINT NOT NULL REFERENCES generation (id)
);

CREATE TABLE device (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fleet_id BIGINT NOT NULL REFERENCES fleet (id),
  device_id TEXT COLLATE "C" NOT NULL,
  folded_id TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (fleet_id, folded_id)
);

CREATE TABLE device_key (
  fleet_id BIGINT NOT NULL REFERENCES fleet (id),
  key_digest BYTEA NOT NULL CHECK (length(key_digest) = 32),
  device BIGINT NOT NULL REFERENCES device (id),
  PRIMARY KEY (fleet_id, key_digest)
);

-- A profile as it was when intents were made under it.
CREATE TABLE profile_version (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  digest BYTEA NOT NULL CHECK (length(digest) = 32),
  UNIQUE (name, digest)
);

-- Intents that were recorded together: what is the same for all of them stands here once. Their ids are
-- the numbers from first_intent to last_intent. `open` counts those neither completed nor abandoned.
CREATE TABLE intent_chunk (
  id BIGINT PRIMARY KEY,
  kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('device', 'authority')),
  run_id TEXT COLLATE "C" NOT NULL REFERENCES run (id),
  batch_id TEXT COLLATE "C",
  actor_id TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  first_intent BIGINT NOT NULL,
  last_intent BIGINT NOT NULL CHECK (last_intent >= first_intent),
  open BIGINT NOT NULL CHECK (open >= 0),
  audit_seq BIGINT NOT NULL REFERENCES audit (seq)
);

CREATE INDEX intent_chunk_open ON intent_chunk (id) WHERE open > 0;

CREATE INDEX intent_chunk_of_audit ON intent_chunk (audit_seq);

-- Completed is an intent that has its certificate (in `certificate`, or in its generation); open is one
-- that is neither completed nor abandoned.
CREATE TABLE intent (
  id BIGINT PRIMARY KEY,
  chunk_id BIGINT NOT NULL REFERENCES intent_chunk (id),
  issuer_id BIGINT NOT NULL REFERENCES generation (id),
  serial BYTEA NOT NULL CHECK (length(serial) BETWEEN 1 AND 21),
  device BIGINT REFERENCES device (id),
  profile_id BIGINT NOT NULL REFERENCES profile_version (id),
  key_digest BYTEA NOT NULL CHECK (length(key_digest) = 32),
  tbs_digest BYTEA NOT NULL CHECK (length(tbs_digest) = 32),
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  labels TEXT COLLATE "C",
  supersede TEXT COLLATE "C",
  abandoned SMALLINT NOT NULL DEFAULT 0 CHECK (abandoned IN (0, 1)),
  UNIQUE (issuer_id, serial)
);

CREATE INDEX intent_of_device ON intent (device, id) WHERE device IS NOT NULL;

CREATE TABLE slot (
  device BIGINT NOT NULL REFERENCES device (id),
  profile TEXT COLLATE "C" NOT NULL,
  intent_id BIGINT NOT NULL REFERENCES intent (id),
  PRIMARY KEY (device, profile)
);

CREATE TABLE certificate (
  intent_id BIGINT PRIMARY KEY REFERENCES intent (id),
  fingerprint BYTEA NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
  issued_at BIGINT NOT NULL,
  superseded_at BIGINT,
  revoked_at BIGINT,
  revocation_reason TEXT COLLATE "C",
  revoked_audit_seq BIGINT REFERENCES audit (seq),
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  der BYTEA NOT NULL
);

CREATE TABLE token (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  role TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'security', 'station', 'auditor')),
  rights TEXT COLLATE "C" NOT NULL,
  fleet TEXT COLLATE "C",
  secret_hash BYTEA NOT NULL CHECK (length(secret_hash) = 32),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq)
);

CREATE TABLE batch (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  fleet_id BIGINT NOT NULL REFERENCES fleet (id),
  token_id TEXT COLLATE "C" NOT NULL,
  profile TEXT COLLATE "C",
  authority TEXT COLLATE "C",
  created_at BIGINT NOT NULL,
  last_seq BIGINT NOT NULL
);

CREATE TABLE batch_attempt (
  batch BIGINT NOT NULL REFERENCES batch (number),
  number BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('receiving', 'complete', 'interrupted')),
  run_id TEXT COLLATE "C" NOT NULL REFERENCES run (id),
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  row_count BIGINT NOT NULL,
  issued BIGINT NOT NULL,
  replayed BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  PRIMARY KEY (batch, number)
);

CREATE INDEX batch_attempt_open ON batch_attempt (run_id) WHERE state = 'receiving';

-- An issued or replayed row has the device ID of its certificate: device_id is NULL there.
CREATE TABLE batch_outcome (
  batch BIGINT NOT NULL REFERENCES batch (number),
  seq BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  row_number BIGINT NOT NULL,
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('issued', 'replayed', 'refused', 'failed')),
  intent_id BIGINT REFERENCES certificate (intent_id),
  device_id TEXT COLLATE "C",
  problem TEXT COLLATE "C",
  warnings TEXT COLLATE "C",
  PRIMARY KEY (batch, seq)
);
