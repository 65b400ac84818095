-- A root's key as another root of its line signed it. An intent until it has its certificate; the intent has serial,
-- digest and dates.

CREATE TABLE root_link (
  intent_id INTEGER PRIMARY KEY REFERENCES intent (id),
  subject_id INTEGER NOT NULL REFERENCES generation (id),
  issuer_id INTEGER NOT NULL REFERENCES generation (id),
  certificate BLOB,
  audit_seq INTEGER NOT NULL REFERENCES audit (seq),
  issued_audit_seq INTEGER REFERENCES audit (seq),
  CHECK (subject_id <> issuer_id),
  CHECK ((certificate IS NULL) = (issued_audit_seq IS NULL))
) STRICT;

CREATE UNIQUE INDEX root_link_of_pair ON root_link (subject_id, issuer_id) WHERE certificate IS NOT NULL;
