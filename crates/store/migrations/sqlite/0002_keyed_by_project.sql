-- Messages are looked for project by project: no key spans projects.
DROP INDEX messages_due;
CREATE INDEX messages_due ON messages (project_id, run_at);

-- Whom a browser is attached to: for those who log out there.
CREATE INDEX devices_of_browser ON devices (browser_id, project_id) WHERE attached = 1;
