-- By the digest first: one search finds the device that has a key in a fleet, and that another fleet knows it.

CREATE TABLE device_key_by_digest (
  key_digest BLOB NOT NULL CHECK (length(key_digest) = 32),
  fleet_id INTEGER NOT NULL REFERENCES fleet (id),
  device INTEGER NOT NULL REFERENCES device (id),
  PRIMARY KEY (key_digest, fleet_id)
) STRICT, WITHOUT ROWID;

INSERT INTO device_key_by_digest SELECT key_digest, fleet_id, device FROM device_key ORDER BY key_digest, fleet_id;

DROP TABLE device_key;

ALTER TABLE device_key_by_digest RENAME TO device_key;
