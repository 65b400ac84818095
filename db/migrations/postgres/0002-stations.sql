-- What the requests of a token are bound to, and what it has spent of its quota. A unit is an intent that
-- was not abandoned; the hour is one of the clock, UTC. That no quota is overdrawn is a rule of the table.

ALTER TABLE token
  ADD COLUMN quota_total BIGINT CHECK (quota_total >= 1),
  ADD COLUMN quota_per_hour BIGINT CHECK (quota_per_hour >= 1),
  ADD COLUMN labels TEXT COLLATE "C" NOT NULL DEFAULT '{}',
  ADD COLUMN profiles TEXT COLLATE "C" NOT NULL DEFAULT '[]',
  ADD COLUMN id_pattern TEXT COLLATE "C",
  ADD COLUMN spent BIGINT NOT NULL DEFAULT 0
    CHECK (spent >= 0 AND (quota_total IS NULL OR spent <= quota_total)),
  ADD COLUMN hour_began BIGINT,
  ADD COLUMN spent_in_hour BIGINT NOT NULL DEFAULT 0
    CHECK (spent_in_hour >= 0 AND (quota_per_hour IS NULL OR spent_in_hour <= quota_per_hour));
