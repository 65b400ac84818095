-- Whom the service calls: device registries and webhooks; how far each has been told; and what waits for it.

CREATE TABLE destination (
  id TEXT COLLATE "C" PRIMARY KEY,
  fleet_id BIGINT NOT NULL REFERENCES fleet (id),
  kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('registry', 'webhook')),
  name TEXT COLLATE "C" NOT NULL,
  url TEXT COLLATE "C" NOT NULL,
  settings TEXT COLLATE "C" NOT NULL,
  secret BYTEA,
  created_at BIGINT NOT NULL,
  removed_at BIGINT,
  cursor BIGINT NOT NULL,
  expiring_through BIGINT NOT NULL,
  expiring_until BIGINT,
  expiring_place BIGINT NOT NULL DEFAULT 0,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  removed_audit_seq BIGINT REFERENCES audit (seq),
  CHECK ((removed_at IS NULL) = (removed_audit_seq IS NULL))
);

CREATE UNIQUE INDEX destination_in_use ON destination (fleet_id, kind, name) WHERE removed_at IS NULL;

-- What failed and is to be tried again, and what was given up. `device_id`: a device whose present state is told;
-- `body`: an event as it was first told.
CREATE TABLE delivery (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  destination_id TEXT COLLATE "C" NOT NULL REFERENCES destination (id),
  device_id TEXT COLLATE "C",
  event_type TEXT COLLATE "C",
  body TEXT COLLATE "C",
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'dead')),
  attempts BIGINT NOT NULL CHECK (attempts >= 0),
  next_attempt_at BIGINT,
  last_error TEXT COLLATE "C",
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  CHECK ((device_id IS NULL) = (body IS NOT NULL) AND (body IS NULL) = (event_type IS NULL)),
  CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL))
);

CREATE INDEX delivery_due ON delivery (destination_id, next_attempt_at) WHERE state = 'pending';

CREATE INDEX delivery_of_destination ON delivery (destination_id, state, number);

-- A lot whose devices are told again because a person asked; up to which of its outcomes that has come.
CREATE TABLE registration_order (
  destination_id TEXT COLLATE "C" NOT NULL REFERENCES destination (id),
  batch BIGINT NOT NULL REFERENCES batch (number),
  after BIGINT NOT NULL,
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (destination_id, batch)
);

-- What a registry has taken last of a device.
CREATE TABLE device_registration (
  destination_id TEXT COLLATE "C" NOT NULL REFERENCES destination (id),
  device_id TEXT COLLATE "C" NOT NULL,
  intent_id BIGINT NOT NULL REFERENCES certificate (intent_id),
  registered_at BIGINT NOT NULL,
  PRIMARY KEY (destination_id, device_id)
);
