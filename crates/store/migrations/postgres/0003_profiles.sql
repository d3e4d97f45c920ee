-- What checks remember beyond counts: where users were and which challenges they passed, and which distinct things were
-- seen together. Empty where a row was written before.
ALTER TABLE users ADD COLUMN profile BYTEA NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN passed_at BIGINT;
ALTER TABLE devices ADD COLUMN seen BYTEA NOT NULL DEFAULT '';
ALTER TABLE subjects ADD COLUMN seen BYTEA NOT NULL DEFAULT '';
