-- People who may look and act, what they did, and what finds who wrote a field of a record.

-- `hash` is a PHC string; NULL for whoever a proxy signs in.
CREATE TABLE users (
  name       TEXT PRIMARY KEY,
  role       TEXT NOT NULL,
  hash       TEXT,
  disabled   INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `key` is the SHA-256 of what the browser has: who reads the journal cannot be somebody by it.
CREATE TABLE sessions (
  key        BLOB PRIMARY KEY,
  user       TEXT NOT NULL REFERENCES users(name),
  created_at INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL,
  ends_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions(user);
CREATE INDEX sessions_ends ON sessions(ends_at);

CREATE TABLE api_tokens (
  name       TEXT PRIMARY KEY,
  key        BLOB NOT NULL UNIQUE,
  role       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ends_at    INTEGER,
  used_at    INTEGER
) STRICT, WITHOUT ROWID;

-- Sign-ins that were tried, by a hash of whom or where they are counted for. They outlive a restart, or a crash would be a way around.
CREATE TABLE sign_ins (
  key BLOB NOT NULL,
  at  INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_ins_key ON sign_ins(key, at);
CREATE INDEX sign_ins_at ON sign_ins(at);

-- What people did: appended, never changed. `call` is the id and not the number, so that a line means something by itself.
CREATE TABLE deeds (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  at     INTEGER NOT NULL,
  who    TEXT NOT NULL,
  way    TEXT NOT NULL,
  what   TEXT NOT NULL,
  call   TEXT,
  write  TEXT,
  target TEXT,
  reason TEXT
) STRICT;
CREATE INDEX deeds_who ON deeds(who, id);
CREATE INDEX deeds_call ON deeds(call, id) WHERE call IS NOT NULL;
CREATE INDEX deeds_at ON deeds(at);

-- What was said in the stories of calls before there was this table.
INSERT INTO deeds (at, who, way, what, call, reason)
  SELECT e.at, coalesce(json_extract(e.data, '$.actor'), 'cli'), 'cli', 'intervene', c.id, json_extract(e.data, '$.reason')
  FROM events e JOIN calls c ON c.seq = e.call WHERE e.kind = 'person_intervened' ORDER BY e.id;

-- Who wrote which field is told by the receipts. These find them by time, by record (beside `writes_record`) and by config version.
CREATE INDEX writes_landed ON writes(changed_at) WHERE state = 'applied' AND record_id IS NOT NULL;
CREATE INDEX past_writes_landed ON past_writes(changed_at) WHERE state = 'applied' AND record_id IS NOT NULL;
CREATE INDEX past_writes_record ON past_writes(record_id) WHERE record_id IS NOT NULL;
CREATE INDEX plans_version ON plans(config_version, call, number);
