-- What alerts, retention and a look at the service's health need.

-- One row, rewritten whenever somebody asks whether the journal commits.
CREATE TABLE pulse (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  at  INTEGER NOT NULL
) STRICT;

-- Alerts that hold now, by name. `quiet_since` is set while the condition does not hold and it is too early to say that it is over.
CREATE TABLE alerts (
  name        TEXT PRIMARY KEY,
  since       INTEGER NOT NULL,
  quiet_since INTEGER,
  told_at     INTEGER NOT NULL,
  said        TEXT NOT NULL
) STRICT;

-- Messages on their way to whoever is told. `done_at` is set when it was sent or given up.
CREATE TABLE notices (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  alert    TEXT NOT NULL,
  notifier TEXT NOT NULL,
  kind     TEXT NOT NULL,
  body     TEXT NOT NULL,
  made_at  INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at  INTEGER NOT NULL,
  done_at  INTEGER,
  trouble  TEXT
) STRICT;
CREATE INDEX notices_open ON notices(notifier, id) WHERE done_at IS NULL;
CREATE INDEX notices_made ON notices(made_at);

-- When what names a person was taken out of a call. Both indexes get their entries in the order of arrival, at the end.
ALTER TABLE calls ADD COLUMN erased_at INTEGER;
CREATE INDEX calls_whole ON calls(seq) WHERE erased_at IS NULL;
CREATE INDEX payloads_whole ON payloads(id) WHERE body IS NOT NULL;
