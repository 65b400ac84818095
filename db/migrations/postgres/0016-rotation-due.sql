-- What was told of the rotation that a generation is due for: each urgency once.

CREATE TABLE rotation_due (
  generation_id BIGINT NOT NULL REFERENCES generation (id),
  urgency TEXT COLLATE "C" NOT NULL CHECK (urgency IN ('soon', 'late')),
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (generation_id, urgency)
);
