-- A generation that is compromised stays in the trust bundle until it is withdrawn; a key that is destroyed is
-- given up first, so that a crash on the way leaves no doubt. Each column is the entry that says so.

ALTER TABLE generation ADD COLUMN withdrawn_audit_seq INTEGER REFERENCES audit (seq);

ALTER TABLE generation ADD COLUMN given_up_audit_seq INTEGER REFERENCES audit (seq);

ALTER TABLE generation ADD COLUMN destroyed_audit_seq INTEGER REFERENCES audit (seq);

-- Gateways and servers that have a generation, by what one of them showed or a person said; the last counts.
CREATE TABLE acknowledgement (
  generation_id INTEGER NOT NULL REFERENCES generation (id),
  gateway TEXT NOT NULL,
  way TEXT NOT NULL CHECK (way IN ('probe', 'word')),
  word TEXT NOT NULL,
  acknowledged_at INTEGER NOT NULL,
  acknowledged_by TEXT NOT NULL,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (generation_id, gateway)
) STRICT, WITHOUT ROWID;
