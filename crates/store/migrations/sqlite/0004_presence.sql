-- Which of a user's browsers is there now, and from where: one small row a browser, written again while it stays and
-- without meaning once it is a minute old.
CREATE TABLE presence (
    project_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    browser_id BLOB NOT NULL,
    network TEXT NOT NULL,              -- an IPv4 address, or the first half of an IPv6 address
    asn INTEGER,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, user_id, browser_id)
) STRICT, WITHOUT ROWID;

-- The last time that a user was logged out of a browser: what it is told, at once or when it comes back.
CREATE TABLE logouts (
    project_id BLOB NOT NULL,
    browser_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (project_id, browser_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX logouts_lately ON logouts (project_id, at);

-- Where a device last was, in words for its owner.
ALTER TABLE devices ADD COLUMN place TEXT;
