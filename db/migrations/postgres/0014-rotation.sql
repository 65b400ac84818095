-- What was done with the generations of authorities on their way from one key to the next.

CREATE TABLE generation_move (
  generation_id BIGINT NOT NULL REFERENCES generation (id),
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  from_state TEXT COLLATE "C" NOT NULL,
  to_state TEXT COLLATE "C" NOT NULL,
  moved_at BIGINT NOT NULL,
  PRIMARY KEY (generation_id, audit_seq)
);
