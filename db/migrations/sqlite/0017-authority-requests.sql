-- Authorities whose key is here, and whose certificate somebody else is to sign: open until it is installed.

CREATE TABLE authority_request (
  id INTEGER PRIMARY KEY,
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  authority TEXT NOT NULL,
  profile TEXT NOT NULL,
  key_id TEXT NOT NULL UNIQUE,
  key_digest BLOB NOT NULL UNIQUE,
  -- CertificationRequestInfo: what was signed.
  info BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  generation_id INTEGER REFERENCES generation (id)
) STRICT;

CREATE UNIQUE INDEX authority_request_open ON authority_request (fleet_id, authority) WHERE generation_id IS NULL;
