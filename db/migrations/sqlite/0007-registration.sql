-- Registration CAs, and what devices register with.

-- A rule of a table is changed by making the table again; what points to it waits for the end of the migration.
PRAGMA defer_foreign_keys = ON;

CREATE TEMP TABLE generation_before AS SELECT * FROM generation;

DROP TABLE generation;

CREATE TABLE generation (
  id INTEGER PRIMARY KEY,
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  authority TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('root', 'issuing', 'registration')),
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

INSERT INTO generation (id, fleet_id, authority, kind, number, state, profile, key_id, key_digest, issuer_id,
    imported, created_at, certificate, audit_seq, issued_audit_seq)
  SELECT id, fleet_id, authority, kind, number, state, profile, key_id, key_digest, issuer_id,
    imported, created_at, certificate, audit_seq, issued_audit_seq FROM generation_before;

DROP TABLE generation_before;

-- An intent of its own until it has its certificate. `spent` counts devices that were registered with it: the
-- intents under its id that were not abandoned. That it is never overdrawn is a rule of the table.
CREATE TABLE registration_credential (
  id TEXT PRIMARY KEY,
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  name TEXT NOT NULL,
  authority TEXT,
  profile TEXT,
  issuer_id INTEGER NOT NULL REFERENCES generation (id),
  serial BLOB NOT NULL CHECK (length(serial) BETWEEN 1 AND 21),
  key_digest BLOB NOT NULL UNIQUE CHECK (length(key_digest) = 32),
  tbs_digest BLOB NOT NULL CHECK (length(tbs_digest) = 32),
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  run_id TEXT NOT NULL REFERENCES run (id),
  created_at INTEGER NOT NULL,
  abandoned INTEGER NOT NULL DEFAULT 0 CHECK (abandoned IN (0, 1)),
  fingerprint BLOB UNIQUE CHECK (length(fingerprint) = 32),
  certificate BLOB,
  max_devices INTEGER NOT NULL CHECK (max_devices >= 1),
  spent INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0 AND spent <= max_devices),
  revoked_at INTEGER,
  revocation_reason TEXT,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  issued_audit_seq INTEGER REFERENCES audit (seq),
  revoked_audit_seq INTEGER REFERENCES audit (seq),
  UNIQUE (issuer_id, serial),
  CHECK ((certificate IS NULL) = (fingerprint IS NULL) AND (certificate IS NULL) = (issued_audit_seq IS NULL)),
  CHECK (abandoned = 0 OR certificate IS NULL)
) STRICT;

CREATE INDEX registration_credential_of_fleet ON registration_credential (fleet_id, id);

CREATE INDEX registration_credential_open ON registration_credential (id)
  WHERE certificate IS NULL AND abandoned = 0;
