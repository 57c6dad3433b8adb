-- What platforms' own lists of calls had when they were looked at, and which calls of theirs never came.

-- The last look at each source's list. `number` grows with every change, so that an open page hears of it.
CREATE TABLE looks (
  source   TEXT PRIMARY KEY,
  number   INTEGER NOT NULL,
  since    INTEGER NOT NULL,
  until    INTEGER NOT NULL,
  began_at INTEGER NOT NULL,
  ended_at INTEGER,
  trouble  TEXT
) STRICT, WITHOUT ROWID;

-- How many finished calls a list had of a day of the project's zone. `whole`: all of the day was looked at, as far as it had passed. `fetched`
-- counts what was taken in from the list.
CREATE TABLE listed (
  source    TEXT NOT NULL,
  day       TEXT NOT NULL,
  looked_at INTEGER NOT NULL,
  whole     INTEGER NOT NULL,
  calls     INTEGER NOT NULL,
  fetched   INTEGER NOT NULL,
  PRIMARY KEY (day, source)
) STRICT, WITHOUT ROWID;

-- Calls of a list that the journal did not have, by the platform's id. One that came since counts no more, whatever stands here. `kept` says what
-- else it turned out to be when it was asked for: 'ignored' or 'not_understood'.
CREATE TABLE never_came (
  source     TEXT NOT NULL,
  id         TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL,
  kept       TEXT,
  PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX never_came_at ON never_came(started_at);
