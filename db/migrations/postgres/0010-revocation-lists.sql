-- What is revoked, in the order in which a CRL lists it, and the CRLs.

CREATE TABLE revocation (
  issuer_id BIGINT NOT NULL REFERENCES generation (id),
  serial BYTEA NOT NULL CHECK (length(serial) BETWEEN 1 AND 21),
  intent_id BIGINT NOT NULL REFERENCES certificate (intent_id),
  not_after BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (issuer_id, serial)
);

-- Entries are written before rows that point to them, so a number of the log says how far a CRL reaches.
CREATE INDEX revocation_of_issuer ON revocation (issuer_id, audit_seq);

CREATE INDEX revocation_of_audit ON revocation (audit_seq, issuer_id, serial);

INSERT INTO revocation (issuer_id, serial, intent_id, not_after, revoked_at, reason, audit_seq)
  SELECT i.issuer_id, i.serial, c.intent_id, i.not_after, c.revoked_at, c.revocation_reason, c.revoked_audit_seq
  FROM certificate c JOIN intent i ON i.id = c.intent_id WHERE c.revoked_at IS NOT NULL;

-- An intent until it has its digest. Octets are kept of the newest of an issuer alone: a fleet's list can be
-- megabytes, and there is one a day. `covers` is the last revocation, a number of the log, that it was made of.
CREATE TABLE revocation_list (
  issuer_id BIGINT NOT NULL REFERENCES generation (id),
  number BIGINT NOT NULL CHECK (number >= 1),
  this_update BIGINT NOT NULL,
  next_update BIGINT NOT NULL CHECK (next_update > this_update),
  covers BIGINT NOT NULL,
  entries BIGINT NOT NULL CHECK (entries >= 0),
  tbs_digest BYTEA NOT NULL CHECK (length(tbs_digest) = 32),
  run_id TEXT COLLATE "C" NOT NULL REFERENCES run (id),
  digest BYTEA CHECK (length(digest) = 32),
  der BYTEA,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  issued_audit_seq BIGINT REFERENCES audit (seq),
  PRIMARY KEY (issuer_id, number),
  CHECK ((digest IS NULL) = (issued_audit_seq IS NULL)),
  CHECK (der IS NULL OR digest IS NOT NULL)
);

CREATE INDEX revocation_list_issued ON revocation_list (issuer_id, number) WHERE digest IS NOT NULL;
