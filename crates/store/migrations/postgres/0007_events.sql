-- What happened, written with what it tells: here until endpoints have heard of it, and a while longer to be looked at.
CREATE TABLE events (
    project_id BYTEA NOT NULL,
    event_id BYTEA NOT NULL,
    kind TEXT NOT NULL,
    user_id BYTEA,                       -- whom it is about
    body TEXT NOT NULL,
    due_at BIGINT,                     -- NULL: it was handed out to those who hear of it
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, event_id)
);

CREATE INDEX events_due ON events (project_id, due_at) WHERE due_at IS NOT NULL;

-- One event on its way to one endpoint.
CREATE TABLE deliveries (
    project_id BYTEA NOT NULL,
    webhook_id BYTEA NOT NULL,
    event_id BYTEA NOT NULL,
    attempts BIGINT NOT NULL,
    run_at BIGINT,                     -- NULL: it is over
    delivered_at BIGINT,               -- NULL although it is over: parked
    tried_at BIGINT,
    status BIGINT,                     -- of the last answer
    fault TEXT,                         -- why there was none, or why it won't do
    PRIMARY KEY (project_id, event_id, webhook_id)
);

CREATE INDEX deliveries_due ON deliveries (project_id, webhook_id, run_at) WHERE run_at IS NOT NULL;
CREATE INDEX deliveries_parked ON deliveries (project_id, webhook_id) WHERE run_at IS NULL AND delivered_at IS NULL;
