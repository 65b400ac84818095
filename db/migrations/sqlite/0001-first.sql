-- The ledger. Times are milliseconds since 1970-01-01T00:00:00Z; octets are BLOB.
-- No reference is deferred: for one that waits, SQLite searches the whole referring table at every insert
-- into the one referred to. So an entry is written before the rows that point to it.
-- Statements are separated by an empty line.

CREATE TABLE run (
  id TEXT PRIMARY KEY,
  started_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  actor_role TEXT NOT NULL,
  action TEXT NOT NULL,
  fleet TEXT,
  details TEXT NOT NULL,
  previous BLOB NOT NULL CHECK (length(previous) = 32),
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE fleet (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  target TEXT NOT NULL,
  gateway_url TEXT,
  gateway_root TEXT,
  created_at INTEGER NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE TABLE generation (
  id INTEGER PRIMARY KEY,
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  authority TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('root', 'issuing')),
  number INTEGER NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('staged', 'published', 'active', 'draining', 'retired', 'compromised', 'abandoned')),
  profile TEXT NOT NULL,
  key_id TEXT NOT NULL UNIQUE,
  key_digest BLOB NOT NULL CHECK (length(key_digest) = 32),
  issuer_id INTEGER NOT NULL REFERENCES generation (id),
  imported INTEGER NOT NULL CHECK (imported IN (0, 1)),
  created_at INTEGER NOT NULL,
  certificate BLOB,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  issued_audit_seq INTEGER REFERENCES audit (seq),
  UNIQUE (fleet_id, authority, number)
) STRICT;

CREATE TABLE ca_key (
  key_digest BLOB PRIMARY KEY CHECK (length(key_digest) = 32),
  generation_id INTEGER NOT NULL REFERENCES generation (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
  id INTEGER PRIMARY KEY,
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  device_id TEXT NOT NULL,
  folded_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (fleet_id, folded_id)
) STRICT;

CREATE TABLE device_key (
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  key_digest BLOB NOT NULL CHECK (length(key_digest) = 32),
  device INTEGER NOT NULL REFERENCES device (id),
  PRIMARY KEY (fleet_id, key_digest)
) STRICT, WITHOUT ROWID;

-- A profile as it was when intents were made under it.
CREATE TABLE profile_version (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  UNIQUE (name, digest)
) STRICT;

-- Intents that were recorded together: what is the same for all of them stands here once. Their ids are
-- the numbers from first_intent to last_intent. `open` counts those neither completed nor abandoned.
CREATE TABLE intent_chunk (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('device', 'authority')),
  run_id TEXT NOT NULL REFERENCES run (id),
  batch_id TEXT,
  actor_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  first_intent INTEGER NOT NULL,
  last_intent INTEGER NOT NULL CHECK (last_intent >= first_intent),
  open INTEGER NOT NULL CHECK (open >= 0),
  audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE INDEX intent_chunk_open ON intent_chunk (id) WHERE open > 0;

CREATE INDEX intent_chunk_of_audit ON intent_chunk (audit_seq);

-- Completed is an intent that has its certificate (in `certificate`, or in its generation); open is one
-- that is neither completed nor abandoned.
CREATE TABLE intent (
  id INTEGER PRIMARY KEY,
  chunk_id INTEGER NOT NULL REFERENCES intent_chunk (id),
  issuer_id INTEGER NOT NULL REFERENCES generation (id),
  serial BLOB NOT NULL CHECK (length(serial) BETWEEN 1 AND 21),
  device INTEGER REFERENCES device (id),
  profile_id INTEGER NOT NULL REFERENCES profile_version (id),
  key_digest BLOB NOT NULL CHECK (length(key_digest) = 32),
  tbs_digest BLOB NOT NULL CHECK (length(tbs_digest) = 32),
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  labels TEXT,
  supersede TEXT,
  abandoned INTEGER NOT NULL DEFAULT 0 CHECK (abandoned IN (0, 1)),
  UNIQUE (issuer_id, serial)
) STRICT;

CREATE INDEX intent_of_device ON intent (device, id) WHERE device IS NOT NULL;

CREATE TABLE slot (
  device INTEGER NOT NULL REFERENCES device (id),
  profile TEXT NOT NULL,
  intent_id INTEGER NOT NULL REFERENCES intent (id),
  PRIMARY KEY (device, profile)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
  intent_id INTEGER PRIMARY KEY REFERENCES intent (id),
  fingerprint BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
  issued_at INTEGER NOT NULL,
  superseded_at INTEGER,
  revoked_at INTEGER,
  revocation_reason TEXT,
  revoked_audit_seq INTEGER REFERENCES audit (seq),
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  der BLOB NOT NULL
) STRICT;

CREATE TABLE token (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('admin', 'security', 'station', 'auditor')),
  rights TEXT NOT NULL,
  fleet TEXT,
  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE TABLE batch (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  token_id TEXT NOT NULL,
  profile TEXT,
  authority TEXT,
  created_at INTEGER NOT NULL,
  last_seq INTEGER NOT NULL
) STRICT;

CREATE TABLE batch_attempt (
  batch INTEGER NOT NULL REFERENCES batch (number),
  number INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('receiving', 'complete', 'interrupted')),
  run_id TEXT NOT NULL REFERENCES run (id),
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  row_count INTEGER NOT NULL,
  issued INTEGER NOT NULL,
  replayed INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  PRIMARY KEY (batch, number)
) STRICT;

CREATE INDEX batch_attempt_open ON batch_attempt (run_id) WHERE state = 'receiving';

-- An issued or replayed row has the device ID of its certificate: device_id is NULL there.
CREATE TABLE batch_outcome (
  batch INTEGER NOT NULL REFERENCES batch (number),
  seq INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  row_number INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('issued', 'replayed', 'refused', 'failed')),
  intent_id INTEGER REFERENCES certificate (intent_id),
  device_id TEXT,
  problem TEXT,
  warnings TEXT,
  PRIMARY KEY (batch, seq)
) STRICT, WITHOUT ROWID;
