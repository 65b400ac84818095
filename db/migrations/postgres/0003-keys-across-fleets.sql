-- By the digest first: one search finds the device that has a key in a fleet, and that another fleet knows it.

ALTER TABLE device_key DROP CONSTRAINT device_key_pkey, ADD PRIMARY KEY (key_digest, fleet_id);
