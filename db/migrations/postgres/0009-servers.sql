-- OTA servers where a fleet's root is registered, or is to be.

CREATE TABLE server (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fleet_id BIGINT NOT NULL REFERENCES fleet (id),
  name TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('ota-connect', 'ota-ce', 'aws-iot', 'azure-dps')),
  created_at BIGINT NOT NULL,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  UNIQUE (fleet_id, name)
);

-- How far a root has come at a server: the last that was said of it, and by whom.
CREATE TABLE server_root (
  server_id BIGINT NOT NULL REFERENCES server (id),
  generation_id BIGINT NOT NULL REFERENCES generation (id),
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('prepared', 'handed-over', 'confirmed', 'replaced')),
  note TEXT COLLATE "C",
  changed_at BIGINT NOT NULL,
  changed_by TEXT COLLATE "C" NOT NULL,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (server_id, generation_id)
);
