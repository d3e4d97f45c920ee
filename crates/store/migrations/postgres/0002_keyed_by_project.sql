-- Whom a browser is attached to: for those who log out there. Messages are looked for project by project from the first.
CREATE INDEX devices_of_browser ON devices (project_id, browser_id) WHERE attached = 1;
