-- Browsers that were shown the page of a shared account, and when last.
CREATE TABLE shared_browsers (
    project_id BLOB NOT NULL,
    browser_id BLOB NOT NULL,
    user_id BLOB NOT NULL,               -- whose account it is
    shown_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, browser_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX shared_browsers_by_time ON shared_browsers (project_id, shown_at);

-- Who signed up in one of them afterwards.
CREATE TABLE conversions (
    project_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    from_user_id BLOB NOT NULL,          -- whose account they came from
    evaluation_id BLOB NOT NULL,
    shown_at INTEGER NOT NULL,
    converted_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX conversions_by_time ON conversions (project_id, converted_at);
