-- What the requests of a token are bound to, and what it has spent of its quota. A unit is an intent that
-- was not abandoned; the hour is one of the clock, UTC. That no quota is overdrawn is a rule of the table.

ALTER TABLE token ADD COLUMN quota_total INTEGER CHECK (quota_total >= 1);

ALTER TABLE token ADD COLUMN quota_per_hour INTEGER CHECK (quota_per_hour >= 1);

ALTER TABLE token ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';

ALTER TABLE token ADD COLUMN profiles TEXT NOT NULL DEFAULT '[]';

ALTER TABLE token ADD COLUMN id_pattern TEXT;

ALTER TABLE token ADD COLUMN spent INTEGER NOT NULL DEFAULT 0
  CHECK (spent >= 0 AND (quota_total IS NULL OR spent <= quota_total));

ALTER TABLE token ADD COLUMN hour_began INTEGER;

ALTER TABLE token ADD COLUMN spent_in_hour INTEGER NOT NULL DEFAULT 0
  CHECK (spent_in_hour >= 0 AND (quota_per_hour IS NULL OR spent_in_hour <= quota_per_hour));
