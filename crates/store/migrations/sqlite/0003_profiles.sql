-- What checks remember beyond counts: where users were and which challenges they passed, and which distinct things were
-- seen together. Empty where a row was written before.
ALTER TABLE users ADD COLUMN profile BLOB NOT NULL DEFAULT x'';
ALTER TABLE devices ADD COLUMN passed_at INTEGER;
ALTER TABLE devices ADD COLUMN seen BLOB NOT NULL DEFAULT x'';
ALTER TABLE subjects ADD COLUMN seen BLOB NOT NULL DEFAULT x'';
