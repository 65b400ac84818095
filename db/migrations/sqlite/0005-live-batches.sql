-- When the last outcome of an attempt came, and what lists of batches go by. A batch is made once a lot.

ALTER TABLE batch_attempt ADD COLUMN changed_at INTEGER;

CREATE INDEX batch_of_fleet ON batch (fleet_id, number);

CREATE INDEX batch_of_token ON batch (token_id, number);
