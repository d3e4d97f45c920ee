-- Browsers that were shown the page of a shared account, and when last.
CREATE TABLE shared_browsers (
    project_id BYTEA NOT NULL,
    browser_id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,               -- whose account it is
    shown_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, browser_id)
);

CREATE INDEX shared_browsers_by_time ON shared_browsers (project_id, shown_at);

-- Who signed up in one of them afterwards.
CREATE TABLE conversions (
    project_id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,
    from_user_id BYTEA NOT NULL,          -- whose account they came from
    evaluation_id BYTEA NOT NULL,
    shown_at BIGINT NOT NULL,
    converted_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id)
);

CREATE INDEX conversions_by_time ON conversions (project_id, converted_at);
