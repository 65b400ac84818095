-- That this database is a copy that was put back: nothing is signed until a person has settled what happened since
-- the copy was made. `last_entry` is the last of the audit log that the copy had.
CREATE TABLE restoration (
  id INTEGER PRIMARY KEY,
  copied_at INTEGER NOT NULL,
  restored_at INTEGER NOT NULL,
  last_entry INTEGER NOT NULL,
  settled_at INTEGER,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  settled_audit_seq INTEGER REFERENCES audit (seq),
  CHECK ((settled_at IS NULL) = (settled_audit_seq IS NULL))
) STRICT;

CREATE INDEX restoration_open ON restoration (id) WHERE settled_at IS NULL;

-- CRLs of authorities on record that were not made here, or are on record no more: their numbers are used up.
CREATE TABLE list_taken (
  issuer_id INTEGER NOT NULL REFERENCES generation (id),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  number INTEGER,
  this_update INTEGER NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (issuer_id, digest)
) STRICT, WITHOUT ROWID;

-- What they revoke and of which nothing else is on record. It stays in every CRL of the issuer, for when the
-- certificate ends is not known.
CREATE TABLE revocation_elsewhere (
  issuer_id INTEGER NOT NULL REFERENCES generation (id),
  serial BLOB NOT NULL CHECK (length(serial) BETWEEN 1 AND 21),
  revoked_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (issuer_id, serial)
) STRICT, WITHOUT ROWID;

CREATE INDEX revocation_elsewhere_of_issuer ON revocation_elsewhere (issuer_id, audit_seq);

CREATE INDEX revocation_elsewhere_of_audit ON revocation_elsewhere (audit_seq, serial);
