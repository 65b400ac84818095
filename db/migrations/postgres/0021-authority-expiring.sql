-- What was told of the end of a generation that is near: each number of days before it once.

CREATE TABLE authority_expiring (
  generation_id BIGINT NOT NULL REFERENCES generation (id),
  within_days INTEGER NOT NULL CHECK (within_days > 0),
  audit_seq BIGINT NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (generation_id, within_days)
);
