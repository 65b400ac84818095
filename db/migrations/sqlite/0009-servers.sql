-- OTA servers where a fleet's root is registered, or is to be.

CREATE TABLE server (
  id INTEGER PRIMARY KEY,
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('ota-connect', 'ota-ce', 'aws-iot', 'azure-dps')),
  created_at INTEGER NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  UNIQUE (fleet_id, name)
) STRICT;

-- How far a root has come at a server: the last that was said of it, and by whom.
CREATE TABLE server_root (
  server_id INTEGER NOT NULL REFERENCES server (id),
  generation_id INTEGER NOT NULL REFERENCES generation (id),
  state TEXT NOT NULL CHECK (state IN ('prepared', 'handed-over', 'confirmed', 'replaced')),
  note TEXT,
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (server_id, generation_id)
) STRICT, WITHOUT ROWID;
