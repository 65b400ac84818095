-- Certificates that were issued elsewhere: they have no intent of ours. Their rows stand where intents stand, and the
-- chunk says so.
ALTER TABLE intent_chunk ADD COLUMN imported SMALLINT NOT NULL DEFAULT 0 CHECK (imported IN (0, 1));
