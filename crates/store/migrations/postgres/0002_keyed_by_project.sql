-- Whom a browser is attached to: for those who log out there. Messages are looked for project by project from the first.
-- The browser leads: with the project before it a server that knows nothing yet of a young table takes this index for as
-- good as the key where it looks for the devices of a user, and then reads all of the project's.
CREATE INDEX devices_of_browser ON devices (browser_id, project_id) WHERE attached = 1;
