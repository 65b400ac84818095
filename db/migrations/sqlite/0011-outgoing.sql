-- Whom the service calls: device registries and webhooks; how far each has been told; and what waits for it.

CREATE TABLE destination (
  id TEXT PRIMARY KEY,
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  kind TEXT NOT NULL CHECK (kind IN ('registry', 'webhook')),
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  settings TEXT NOT NULL,
  secret BLOB,
  created_at INTEGER NOT NULL,
  removed_at INTEGER,
  cursor INTEGER NOT NULL,
  expiring_through INTEGER NOT NULL,
  expiring_until INTEGER,
  expiring_place INTEGER NOT NULL DEFAULT 0,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  removed_audit_seq INTEGER REFERENCES audit (seq),
  CHECK ((removed_at IS NULL) = (removed_audit_seq IS NULL))
) STRICT;

CREATE UNIQUE INDEX destination_in_use ON destination (fleet_id, kind, name) WHERE removed_at IS NULL;

-- What failed and is to be tried again, and what was given up. `device_id`: a device whose present state is told;
-- `body`: an event as it was first told.
CREATE TABLE delivery (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  destination_id TEXT NOT NULL REFERENCES destination (id),
  device_id TEXT,
  event_type TEXT,
  body TEXT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'dead')),
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  next_attempt_at INTEGER,
  last_error TEXT,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  CHECK ((device_id IS NULL) = (body IS NOT NULL) AND (body IS NULL) = (event_type IS NULL)),
  CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL))
) STRICT;

CREATE INDEX delivery_due ON delivery (destination_id, next_attempt_at) WHERE state = 'pending';

CREATE INDEX delivery_of_destination ON delivery (destination_id, state, number);

-- A lot whose devices are told again because a person asked; up to which of its outcomes that has come.
CREATE TABLE registration_order (
  destination_id TEXT NOT NULL REFERENCES destination (id),
  batch INTEGER NOT NULL REFERENCES batch (number),
  after INTEGER NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (destination_id, batch)
) STRICT, WITHOUT ROWID;

-- What a registry has taken last of a device.
CREATE TABLE device_registration (
  destination_id TEXT NOT NULL REFERENCES destination (id),
  device_id TEXT NOT NULL,
  intent_id INTEGER NOT NULL REFERENCES certificate (intent_id),
  registered_at INTEGER NOT NULL,
  PRIMARY KEY (destination_id, device_id)
) STRICT, WITHOUT ROWID;
