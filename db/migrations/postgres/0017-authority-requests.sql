-- Authorities whose key is here, and whose certificate somebody else is to sign: open until it is installed.

CREATE TABLE authority_request (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fleet_id BIGINT NOT NULL REFERENCES fleet (id),
  authority TEXT COLLATE "C" NOT NULL,
  profile TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL UNIQUE,
  key_digest BYTEA NOT NULL UNIQUE,
  -- CertificationRequestInfo: what was signed.
  info BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  generation_id BIGINT REFERENCES generation (id)
);

CREATE UNIQUE INDEX authority_request_open ON authority_request (fleet_id, authority) WHERE generation_id IS NULL;
