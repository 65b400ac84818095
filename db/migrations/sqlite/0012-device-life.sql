-- What becomes of a device over time: it is scrapped and taken back, its certificates are renewed, and a new
-- one takes the place of an old one. What is revoked need not have a certificate: an intent that was given up
-- may have been signed.

ALTER TABLE device ADD COLUMN scrapped INTEGER NOT NULL DEFAULT 0 CHECK (scrapped IN (0, 1));

-- When and by whom, the entry says.
CREATE TABLE device_change (
  audit_seq INTEGER PRIMARY KEY REFERENCES audit (seq),
  device INTEGER NOT NULL REFERENCES device (id),
  state TEXT NOT NULL CHECK (state IN ('scrapped', 'active')),
  reason TEXT NOT NULL
) STRICT;

CREATE INDEX device_change_of_device ON device_change (device, audit_seq);

ALTER TABLE intent ADD COLUMN revoke_old TEXT CHECK (revoke_old IN ('now', 'after-handshake'));

ALTER TABLE intent ADD COLUMN renews INTEGER REFERENCES intent (id);

CREATE INDEX intent_abandoned ON intent (id) WHERE abandoned = 1;

-- The first handshake of a certificate that somebody told of.
CREATE TABLE sighting (
  intent_id INTEGER PRIMARY KEY REFERENCES certificate (intent_id),
  seen_at INTEGER NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;

CREATE TABLE revoked (
  issuer_id INTEGER NOT NULL REFERENCES generation (id),
  serial BLOB NOT NULL CHECK (length(serial) BETWEEN 1 AND 21),
  intent_id INTEGER NOT NULL REFERENCES intent (id),
  not_after INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (issuer_id, serial)
) STRICT, WITHOUT ROWID;

INSERT INTO revoked (issuer_id, serial, intent_id, not_after, revoked_at, reason, audit_seq)
  SELECT issuer_id, serial, intent_id, not_after, revoked_at, reason, audit_seq FROM revocation;

DROP TABLE revocation;

ALTER TABLE revoked RENAME TO revocation;

CREATE INDEX revocation_of_issuer ON revocation (issuer_id, audit_seq);

CREATE INDEX revocation_of_audit ON revocation (audit_seq, issuer_id, serial);
