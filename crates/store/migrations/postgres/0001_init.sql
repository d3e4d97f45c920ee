-- The tables of SQLite's 0001_init.sql, column by column; what differs is told here.
--
-- Every key leads with project_id, nothing spans projects, nothing counts up: the tables fit servers that shard by it.
-- Text in keys compares by its bytes. Rows that every evaluation writes leave room beside them, so that an update stays on
-- its page and touches no index.
--
-- Times are milliseconds since 1970 UTC; booleans are 0 or 1; ids are 16 bytes;
-- documents are JSON text. State rows answer what a decision asks for, so that its cost does not grow with history.

CREATE TABLE projects (
    project_id BYTEA NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL,                 -- unique among all: kept so by the operation, since a constraint can't span shards
    revision BIGINT NOT NULL,          -- of the newest of its documents
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Configuration: immutable revisions. The project as of revision r is, of each document, the newest that is not newer than r.
CREATE TABLE documents (
    project_id BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,                 -- settings, key, challenge_config, policy, list
    document_id BYTEA NOT NULL,
    revision BIGINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT,                          -- NULL: deleted by this revision
    author TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, kind, document_id, revision)
);

CREATE TABLE list_entries (
    project_id BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    note TEXT,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, list_id, value)
);

CREATE TABLE users (
    project_id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,
    external_id TEXT,
    email TEXT,                         -- what the site's server told us, never what a browser claimed
    phone TEXT,
    verified_email TEXT,
    verified_phone TEXT,
    metadata TEXT NOT NULL,
    user_groups TEXT NOT NULL,
    suspended_at BIGINT,
    skipped BIGINT NOT NULL,
    activity BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- What a user is found by: the site's id, or, where the site gave none, an e-mail address or a phone number.
CREATE TABLE user_refs (
    project_id BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,                 -- id, email, phone
    ref TEXT COLLATE "C" NOT NULL,
    user_id BYTEA NOT NULL,
    PRIMARY KEY (project_id, kind, ref)
);

-- What is counted for an address, a fingerprint, an e-mail domain, and for the limits on sends.
CREATE TABLE subjects (
    project_id BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    user_count BIGINT NOT NULL,
    activity BYTEA NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, kind, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- That a user came from an address or with a fingerprint.
CREATE TABLE links (
    project_id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,                 -- ip, fingerprint
    key TEXT COLLATE "C" NOT NULL,
    trusted BIGINT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id, kind, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE devices (
    project_id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,
    browser_id BYTEA NOT NULL,
    device_id BYTEA NOT NULL,
    fingerprint_id BYTEA,
    device_type TEXT,
    agent TEXT NOT NULL,
    attached BIGINT NOT NULL,
    attached_at BIGINT,
    activity BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id, browser_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- Devices that were tried and never attached must not slow down the user they were tried on.
-- The time is not in it: it changes with every evaluation.
CREATE INDEX devices_attached ON devices (project_id, user_id) WHERE attached = 1;

-- Whom a browser is attached to: for those who log out there.
CREATE INDEX devices_of_browser ON devices (project_id, browser_id) WHERE attached = 1;

-- By time: an id begins with its time, so old evaluations leave by dropping a partition, without a scan.
CREATE TABLE evaluations (
    project_id BYTEA NOT NULL,
    evaluation_id BYTEA NOT NULL,
    challenge_id BYTEA,
    body TEXT NOT NULL,                 -- the immutable snapshot
    consumed_at BIGINT,
    consumed_key BYTEA,                  -- SHA-256 of the Idempotency-Key that claimed it
    label TEXT,
    note TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, evaluation_id)
) PARTITION BY RANGE (evaluation_id);

-- Holds what no other partition does: those of a time to come are made in advance.
CREATE TABLE evaluations_rest PARTITION OF evaluations DEFAULT;

CREATE TABLE challenges (
    project_id BYTEA NOT NULL,
    challenge_id BYTEA NOT NULL,
    evaluation_id BYTEA NOT NULL,
    body TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, challenge_id)
);

-- The challenge that a newer one of the same user and device takes the place of.
CREATE TABLE open_challenges (
    project_id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,
    browser_id BYTEA NOT NULL,
    challenge_id BYTEA NOT NULL,
    PRIMARY KEY (project_id, user_id, browser_id)
);

-- Messages to be delivered: rows leave when they are delivered or given up.
CREATE TABLE messages (
    project_id BYTEA NOT NULL,
    message_id BYTEA NOT NULL,
    challenge_id BYTEA NOT NULL,
    send BIGINT NOT NULL,              -- which code of the challenge it carries
    sealed BYTEA NOT NULL,               -- the message, encrypted: it holds a code
    attempts BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, message_id)
);

CREATE INDEX messages_due ON messages (project_id, run_at);
