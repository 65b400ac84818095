-- What the inventory is searched by. What intents of a chunk share is indexed once a chunk, labels where there
-- are some, marks where they were set; a row pays for its expiry alone, which hardly ever goes into the middle.

ALTER TABLE intent_chunk ADD COLUMN fleet_id INTEGER REFERENCES fleet (id);

UPDATE intent_chunk SET fleet_id =
  (SELECT g.fleet_id FROM intent i JOIN generation g ON g.id = i.issuer_id WHERE i.id = first_intent);

CREATE INDEX intent_chunk_of_fleet ON intent_chunk (fleet_id, id);

CREATE INDEX intent_chunk_of_batch ON intent_chunk (batch_id, id) WHERE batch_id IS NOT NULL;

CREATE INDEX intent_chunk_of_actor ON intent_chunk (actor_id, id);

CREATE INDEX intent_expiry ON intent (issuer_id, not_after, id) WHERE device IS NOT NULL;

CREATE INDEX certificate_revoked ON certificate (intent_id) WHERE revoked_at IS NOT NULL;

CREATE INDEX certificate_superseded ON certificate (intent_id) WHERE superseded_at IS NOT NULL;

CREATE TABLE intent_label (
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  intent_id INTEGER NOT NULL REFERENCES intent (id),
  PRIMARY KEY (fleet_id, name, value, intent_id)
) STRICT, WITHOUT ROWID;

INSERT INTO intent_label (fleet_id, name, value, intent_id)
  SELECT d.fleet_id, l.key, l.value, i.id FROM intent i JOIN device d ON d.id = i.device, json_each(i.labels) l
  WHERE i.labels IS NOT NULL;

-- Devices that had a key before a person released it: their certificates are still found by it.
CREATE TABLE released_key (
  key_digest BLOB NOT NULL CHECK (length(key_digest) = 32),
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  device INTEGER NOT NULL REFERENCES device (id),
  PRIMARY KEY (key_digest, fleet_id, device)
) STRICT, WITHOUT ROWID;
