-- What bundles of a fleet need beside its gateway, JSON, and the entry of the last change of it or of the
-- gateway; none: as the fleet was created.
ALTER TABLE fleet ADD COLUMN settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings));

ALTER TABLE fleet ADD COLUMN settings_audit_seq INTEGER REFERENCES audit (seq);
