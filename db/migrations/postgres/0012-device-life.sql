-- What becomes of a device over time: it is scrapped and taken back, its certificates are renewed, and a new
-- one takes the place of an old one. What is revoked need not have a certificate: an intent that was given up
-- may have been signed.

ALTER TABLE device ADD COLUMN scrapped SMALLINT NOT NULL DEFAULT 0 CHECK (scrapped IN (0, 1));

-- When and by whom, the entry says.
CREATE TABLE device_change (
  audit_seq BIGINT PRIMARY KEY REFERENCES audit (seq),
  device BIGINT NOT NULL REFERENCES device (id),
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('scrapped', 'active')),
  reason TEXT COLLATE "C" NOT NULL
);

CREATE INDEX device_change_of_device ON device_change (device, audit_seq);

ALTER TABLE intent ADD COLUMN revoke_old TEXT COLLATE "C" CHECK (revoke_old IN ('now', 'after-handshake'));

ALTER TABLE intent ADD COLUMN renews BIGINT REFERENCES intent (id);

CREATE INDEX intent_abandoned ON intent (id) WHERE abandoned = 1;

-- The first handshake of a certificate that somebody told of.
CREATE TABLE sighting (
  intent_id BIGINT PRIMARY KEY REFERENCES certificate (intent_id),
  seen_at BIGINT NOT NULL,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq)
);

ALTER TABLE revocation DROP CONSTRAINT revocation_intent_id_fkey;

ALTER TABLE revocation ADD CONSTRAINT revocation_intent_id_fkey FOREIGN KEY (intent_id) REFERENCES intent (id);
