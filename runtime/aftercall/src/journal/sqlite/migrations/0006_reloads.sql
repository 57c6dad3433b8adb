-- What was offered to a running service as its config, and what came of it. A command asks by a row; the service answers in it.
-- `operation` is the project file of an accepted version: addresses and credentials by reference do not count for the version, so
-- they stand in no config. With it the version starts again where the files do not load.
CREATE TABLE reloads (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    asked_by   TEXT NOT NULL,
    at_once    INTEGER NOT NULL,
    asked_at   INTEGER NOT NULL,
    state      TEXT NOT NULL,
    version    TEXT,
    detail     TEXT,
    operation  TEXT,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX reloads_state ON reloads(state, id);
