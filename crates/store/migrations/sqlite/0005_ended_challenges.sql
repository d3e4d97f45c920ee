-- When a challenge ended; nothing while it can still be passed, or if an older version wrote its end: then it is read.
ALTER TABLE challenges ADD COLUMN ended_at INTEGER;
