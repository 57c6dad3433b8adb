-- The journal's first shape. Times are microseconds since 1970, JSON is text, states are words: a person with `sqlite3`
-- can read it. Foreign keys stand where a lost parent would make a row meaningless.

-- One row for each time that a process took the file over. The last one owns it.
CREATE TABLE epochs (
  epoch     INTEGER PRIMARY KEY,
  pid       INTEGER NOT NULL,
  opened_at INTEGER NOT NULL
);

-- The mailbox of one caller. `ready_at` is when a worker should look at it next: while it is leased that is the end of
-- the lease, NULL means that nothing waits. `owner` is set exactly while it is leased, run out or not.
CREATE TABLE lanes (
  id          INTEGER PRIMARY KEY,
  ready_at    INTEGER,
  lease_until INTEGER NOT NULL DEFAULT 0,
  owner       TEXT,
  fence       INTEGER NOT NULL DEFAULT 0,
  merged_into INTEGER REFERENCES lanes(id)
);
CREATE INDEX lanes_ready ON lanes(ready_at) WHERE ready_at IS NOT NULL;

CREATE TABLE identities (
  key  TEXT PRIMARY KEY,
  lane INTEGER NOT NULL REFERENCES lanes(id)
) WITHOUT ROWID;
CREATE INDEX identities_lane ON identities(lane);

CREATE TABLE lane_links (
  lane       INTEGER NOT NULL REFERENCES lanes(id),
  connection TEXT NOT NULL,
  record     TEXT NOT NULL,
  noted_at   INTEGER NOT NULL,
  PRIMARY KEY (lane, connection)
) WITHOUT ROWID;

-- Small on purpose: this row is rewritten at every step, the blobs are elsewhere.
CREATE TABLE calls (
  seq            INTEGER PRIMARY KEY AUTOINCREMENT,
  id             TEXT NOT NULL UNIQUE,
  source         TEXT NOT NULL,
  lane           INTEGER NOT NULL REFERENCES lanes(id),
  revision       INTEGER NOT NULL,
  provisional    INTEGER NOT NULL,
  digest         TEXT NOT NULL,
  started_at     INTEGER,
  received_at    INTEGER NOT NULL,
  status         TEXT NOT NULL,
  status_reason  TEXT,
  next_at        INTEGER,
  blocks_lane    INTEGER NOT NULL DEFAULT 0,
  plan           INTEGER NOT NULL DEFAULT 0,
  pipeline       TEXT,
  config_version TEXT NOT NULL,
  changed_at     INTEGER NOT NULL
);
-- The calls that stand in line: unfinished, or finished and still in the way.
CREATE INDEX calls_line ON calls(lane, seq) WHERE status = 'waiting' OR blocks_lane = 1;
CREATE INDEX calls_lane ON calls(lane);
CREATE INDEX calls_status ON calls(status, seq);
CREATE INDEX calls_received ON calls(received_at);

CREATE TABLE outcomes (
  call           INTEGER NOT NULL REFERENCES calls(seq),
  revision       INTEGER NOT NULL,
  outcome        TEXT NOT NULL,
  digest         TEXT NOT NULL,
  provisional    INTEGER NOT NULL,
  config_version TEXT NOT NULL,
  received_at    INTEGER NOT NULL,
  PRIMARY KEY (call, revision)
);

-- What was delivered, byte for byte. `body` becomes NULL when its time of keeping is over; the key stays.
CREATE TABLE payloads (
  id          INTEGER PRIMARY KEY,
  source      TEXT NOT NULL,
  event_key   TEXT NOT NULL,
  kind        TEXT NOT NULL,
  reason      TEXT,
  call        INTEGER REFERENCES calls(seq),
  digest      TEXT,
  received_at INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  body        BLOB
);
-- Not unique: a platform that corrects itself can send other words under the same key.
CREATE INDEX payloads_event ON payloads(source, event_key);
CREATE INDEX payloads_call ON payloads(call) WHERE call IS NOT NULL;
CREATE INDEX payloads_unrecognised ON payloads(id) WHERE kind = 'unrecognised';

CREATE TABLE plans (
  call           INTEGER NOT NULL REFERENCES calls(seq),
  number         INTEGER NOT NULL,
  revision       INTEGER NOT NULL,
  context        TEXT NOT NULL,
  decision       TEXT NOT NULL,
  plan           TEXT NOT NULL,
  pipeline       TEXT NOT NULL,
  config_version TEXT NOT NULL,
  digest         TEXT NOT NULL,
  recorded_at    INTEGER NOT NULL,
  PRIMARY KEY (call, number)
);

CREATE TABLE writes (
  call           INTEGER NOT NULL REFERENCES calls(seq),
  write          TEXT NOT NULL,
  position       INTEGER NOT NULL,
  plan           INTEGER NOT NULL,
  revision       INTEGER NOT NULL,
  connection     TEXT NOT NULL,
  object         TEXT NOT NULL,
  op             TEXT NOT NULL,
  marker         TEXT,
  generation     INTEGER NOT NULL,
  guarantee      TEXT NOT NULL,
  depends_on     TEXT NOT NULL,
  state          TEXT NOT NULL,
  attempt        INTEGER NOT NULL,
  request_digest TEXT,
  request        TEXT,
  trouble_class  TEXT,
  trouble        TEXT,
  http_status    INTEGER,
  record_id      TEXT,
  record_url     TEXT,
  receipt        TEXT,
  since          INTEGER,
  next_at        INTEGER,
  changed_at     INTEGER NOT NULL,
  UNIQUE (call, write)
);
CREATE INDEX writes_open ON writes(state, changed_at) WHERE state NOT IN ('applied', 'skipped');

-- Writes that were sent and gave way to one of the same id in a later plan, as they were. The columns are those of
-- `writes`, in its order.
CREATE TABLE past_writes (
  call           INTEGER NOT NULL REFERENCES calls(seq),
  write          TEXT NOT NULL,
  position       INTEGER NOT NULL,
  plan           INTEGER NOT NULL,
  revision       INTEGER NOT NULL,
  connection     TEXT NOT NULL,
  object         TEXT NOT NULL,
  op             TEXT NOT NULL,
  marker         TEXT,
  generation     INTEGER NOT NULL,
  guarantee      TEXT NOT NULL,
  depends_on     TEXT NOT NULL,
  state          TEXT NOT NULL,
  attempt        INTEGER NOT NULL,
  request_digest TEXT,
  request        TEXT,
  trouble_class  TEXT,
  trouble        TEXT,
  http_status    INTEGER,
  record_id      TEXT,
  record_url     TEXT,
  receipt        TEXT,
  since          INTEGER,
  next_at        INTEGER,
  changed_at     INTEGER NOT NULL
);
CREATE INDEX past_writes_call ON past_writes(call);

CREATE TABLE slots (
  call      INTEGER NOT NULL REFERENCES calls(seq),
  write     TEXT NOT NULL,
  resource  TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at   INTEGER NOT NULL
);
CREATE INDEX slots_resource ON slots(resource, ends_at);
CREATE INDEX slots_call ON slots(call);

CREATE TABLE events (
  id    INTEGER PRIMARY KEY,
  call  INTEGER NOT NULL REFERENCES calls(seq),
  at    INTEGER NOT NULL,
  kind  TEXT NOT NULL,
  write TEXT,
  data  TEXT NOT NULL
);
CREATE INDEX events_call ON events(call);

-- What we wrote into each field last: how an old call is kept from overwriting a newer value.
CREATE TABLE fields_written (
  connection      TEXT NOT NULL,
  object          TEXT NOT NULL,
  record_id       TEXT NOT NULL,
  field           TEXT NOT NULL,
  value           TEXT NOT NULL,
  call            INTEGER NOT NULL,
  call_started_at INTEGER,
  config_version  TEXT NOT NULL,
  written_at      INTEGER NOT NULL,
  PRIMARY KEY (connection, object, record_id, field)
) WITHOUT ROWID;

-- What we created lately: the answer to a search index that lags.
CREATE TABLE created (
  connection TEXT NOT NULL,
  object     TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  record_id  TEXT NOT NULL,
  identity   TEXT NOT NULL,
  call       INTEGER NOT NULL,
  PRIMARY KEY (connection, object, created_at, record_id)
) WITHOUT ROWID;

CREATE TABLE routes (
  route TEXT PRIMARY KEY,
  next  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE turns (
  route TEXT NOT NULL,
  call  TEXT NOT NULL,
  turn  INTEGER NOT NULL,
  PRIMARY KEY (route, call)
) WITHOUT ROWID;

CREATE TABLE lookups (
  connection TEXT NOT NULL,
  kind       TEXT NOT NULL,
  key        TEXT NOT NULL,
  value      TEXT NOT NULL,
  fetched_at INTEGER NOT NULL,
  PRIMARY KEY (connection, kind, key)
) WITHOUT ROWID;

CREATE TABLE configs (
  hash    TEXT PRIMARY KEY,
  text    TEXT NOT NULL,
  kept_at INTEGER NOT NULL
);
