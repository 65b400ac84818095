-- What was done with the generations of authorities on their way from one key to the next.

CREATE TABLE generation_move (
  generation_id INTEGER NOT NULL REFERENCES generation (id),
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  from_state TEXT NOT NULL,
  to_state TEXT NOT NULL,
  moved_at INTEGER NOT NULL,
  PRIMARY KEY (generation_id, audit_seq)
) STRICT;
