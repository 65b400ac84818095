-- Registration CAs, and what devices register with.

ALTER TABLE generation DROP CONSTRAINT generation_kind_check;

ALTER TABLE generation
  ADD CONSTRAINT generation_kind_check CHECK (kind IN ('root', 'issuing', 'registration'));

-- An intent of its own until it has its certificate. `spent` counts devices that were registered with it: the
-- intents under its id that were not abandoned. That it is never overdrawn is a rule of the table.
CREATE TABLE registration_credential (
  id TEXT COLLATE "C" PRIMARY KEY,
  fleet_id BIGINT NOT NULL REFERENCES fleet (id),
  name TEXT COLLATE "C" NOT NULL,
  authority TEXT COLLATE "C",
  profile TEXT COLLATE "C",
  issuer_id BIGINT NOT NULL REFERENCES generation (id),
  serial BYTEA NOT NULL CHECK (length(serial) BETWEEN 1 AND 21),
  key_digest BYTEA NOT NULL UNIQUE CHECK (length(key_digest) = 32),
  tbs_digest BYTEA NOT NULL CHECK (length(tbs_digest) = 32),
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  run_id TEXT COLLATE "C" NOT NULL REFERENCES run (id),
  created_at BIGINT NOT NULL,
  abandoned SMALLINT NOT NULL DEFAULT 0 CHECK (abandoned IN (0, 1)),
  fingerprint BYTEA UNIQUE CHECK (length(fingerprint) = 32),
  certificate BYTEA,
  max_devices BIGINT NOT NULL CHECK (max_devices >= 1),
  spent BIGINT NOT NULL DEFAULT 0 CHECK (spent >= 0 AND spent <= max_devices),
  revoked_at BIGINT,
  revocation_reason TEXT COLLATE "C",
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  issued_audit_seq BIGINT REFERENCES audit (seq),
  revoked_audit_seq BIGINT REFERENCES audit (seq),
  UNIQUE (issuer_id, serial),
  CHECK ((certificate IS NULL) = (fingerprint IS NULL) AND (certificate IS NULL) = (issued_audit_seq IS NULL)),
  CHECK (abandoned = 0 OR certificate IS NULL)
);

CREATE INDEX registration_credential_of_fleet ON registration_credential (fleet_id, id);

CREATE INDEX registration_credential_open ON registration_credential (id)
  WHERE certificate IS NULL AND abandoned = 0;
