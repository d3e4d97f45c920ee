-- Every key leads with project_id; times are milliseconds since 1970 UTC; booleans are 0 or 1; ids are 16 bytes;
-- documents are JSON text. State rows answer what a decision asks for, so that its cost does not grow with history.

CREATE TABLE projects (
    project_id BLOB NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,          -- of the newest of its documents
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Configuration: immutable revisions. The project as of revision r is, of each document, the newest that is not newer than r.
CREATE TABLE documents (
    project_id BLOB NOT NULL,
    kind TEXT NOT NULL,                 -- settings, key, challenge_config, policy, list
    document_id BLOB NOT NULL,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    body TEXT,                          -- NULL: deleted by this revision
    author TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, kind, document_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE list_entries (
    project_id BLOB NOT NULL,
    list_id BLOB NOT NULL,
    value TEXT NOT NULL,
    note TEXT,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, list_id, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    project_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    external_id TEXT,
    email TEXT,                         -- what the site's server told us, never what a browser claimed
    phone TEXT,
    verified_email TEXT,
    verified_phone TEXT,
    metadata TEXT NOT NULL,
    user_groups TEXT NOT NULL,
    suspended_at INTEGER,
    skipped INTEGER NOT NULL,
    activity BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, user_id)
) STRICT, WITHOUT ROWID;

-- What a user is found by: the site's id, or, where the site gave none, an e-mail address or a phone number.
CREATE TABLE user_refs (
    project_id BLOB NOT NULL,
    kind TEXT NOT NULL,                 -- id, email, phone
    ref TEXT NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (project_id, kind, ref)
) STRICT, WITHOUT ROWID;

-- What is counted for an address, a fingerprint, an e-mail domain, and for the limits on sends.
CREATE TABLE subjects (
    project_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    user_count INTEGER NOT NULL,
    activity BLOB NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, kind, key)
) STRICT, WITHOUT ROWID;

-- That a user came from an address or with a fingerprint.
CREATE TABLE links (
    project_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    kind TEXT NOT NULL,                 -- ip, fingerprint
    key TEXT NOT NULL,
    trusted INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, user_id, kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    project_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    browser_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    fingerprint_id BLOB,
    device_type TEXT,
    agent TEXT NOT NULL,
    attached INTEGER NOT NULL,
    attached_at INTEGER,
    activity BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, user_id, browser_id)
) STRICT, WITHOUT ROWID;

-- Devices that were tried and never attached must not slow down the user they were tried on.
CREATE INDEX devices_attached ON devices (project_id, user_id, last_seen_at) WHERE attached = 1;

-- Whom a browser is attached to: for those who log out there.
CREATE INDEX devices_of_browser ON devices (project_id, browser_id) WHERE attached = 1;

CREATE TABLE evaluations (
    project_id BLOB NOT NULL,
    evaluation_id BLOB NOT NULL,
    challenge_id BLOB,
    body TEXT NOT NULL,                 -- the immutable snapshot
    consumed_at INTEGER,
    consumed_key BLOB,                  -- SHA-256 of the Idempotency-Key that claimed it
    label TEXT,
    note TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, evaluation_id)
) STRICT;

CREATE TABLE challenges (
    project_id BLOB NOT NULL,
    challenge_id BLOB NOT NULL,
    evaluation_id BLOB NOT NULL,
    body TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, challenge_id)
) STRICT;

-- The challenge that a newer one of the same user and device takes the place of.
CREATE TABLE open_challenges (
    project_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    browser_id BLOB NOT NULL,
    challenge_id BLOB NOT NULL,
    PRIMARY KEY (project_id, user_id, browser_id)
) STRICT, WITHOUT ROWID;

-- Messages to be delivered: rows leave when they are delivered or given up.
CREATE TABLE messages (
    project_id BLOB NOT NULL,
    message_id BLOB NOT NULL,
    challenge_id BLOB NOT NULL,
    send INTEGER NOT NULL,              -- which code of the challenge it carries
    sealed BLOB NOT NULL,               -- the message, encrypted: it holds a code
    attempts INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX messages_due ON messages (project_id, run_at);
