-- What happened, written with what it tells: here until endpoints have heard of it, and a while longer to be looked at.
CREATE TABLE events (
    project_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    user_id BLOB,                       -- whom it is about
    body TEXT NOT NULL,
    due_at INTEGER,                     -- NULL: it was handed out to those who hear of it
    created_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_due ON events (project_id, due_at) WHERE due_at IS NOT NULL;

-- One event on its way to one endpoint.
CREATE TABLE deliveries (
    project_id BLOB NOT NULL,
    webhook_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    run_at INTEGER,                     -- NULL: it is over
    delivered_at INTEGER,               -- NULL although it is over: parked
    tried_at INTEGER,
    status INTEGER,                     -- of the last answer
    fault TEXT,                         -- why there was none, or why it won't do
    PRIMARY KEY (project_id, event_id, webhook_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_due ON deliveries (project_id, webhook_id, run_at) WHERE run_at IS NOT NULL;
CREATE INDEX deliveries_parked ON deliveries (project_id, webhook_id) WHERE run_at IS NULL AND delivered_at IS NULL;
