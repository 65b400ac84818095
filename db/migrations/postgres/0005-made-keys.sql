-- Keys that the CA made. `generated` marks an intent whose key was made here.
ALTER TABLE intent ADD COLUMN generated SMALLINT NOT NULL DEFAULT 0 CHECK (generated IN (0, 1));

-- The certificate (DER) that the keys of a lot are encrypted for, and their default kind; up to which of
-- its outcomes the envelopes were acknowledged.
ALTER TABLE batch ADD COLUMN recipient BYTEA;

ALTER TABLE batch ADD COLUMN key_algorithm TEXT COLLATE "C";

ALTER TABLE batch ADD COLUMN acknowledged BIGINT NOT NULL DEFAULT 0;

-- A key as CMS EnvelopedData, for whoever holds the key of the recipient's certificate (SHA-256 of its
-- DER): there until it is acknowledged. No private key is stored in any other form.
CREATE TABLE key_envelope (
  intent_id BIGINT PRIMARY KEY REFERENCES certificate (intent_id),
  recipient_digest BYTEA NOT NULL CHECK (length(recipient_digest) = 32),
  envelope BYTEA NOT NULL
);
