-- Which of a user's browsers is there now, and from where: one small row a browser, written again while it stays and
-- without meaning once it is a minute old. No index holds the time, so that such a write stays on its page.
CREATE TABLE presence (
    project_id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,
    browser_id BYTEA NOT NULL,
    network TEXT NOT NULL,              -- an IPv4 address, or the first half of an IPv6 address
    asn BIGINT,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id, browser_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- The last time that a user was logged out of a browser: what it is told, at once or when it comes back.
CREATE TABLE logouts (
    project_id BYTEA NOT NULL,
    browser_id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (project_id, browser_id, user_id)
);

CREATE INDEX logouts_lately ON logouts (project_id, at);

-- Where a device last was, in words for its owner.
ALTER TABLE devices ADD COLUMN place TEXT;
